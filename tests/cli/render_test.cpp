#include "cli/program.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// A folder with a coloured tetrahedron.
struct Tetrahedron {
  test::TemporaryFolder folder;
  Tetrahedron() {
    std::ofstream(folder / "t.obj") << "v 0 1 0 1 0 0\nv -1 -1 1 0 1 0\nv 1 -1 1 0 0 1\nv 0 -1 -1 1 1 1\n"
                                       "f 1 2 3\nf 1 3 4\nf 1 4 2\nf 2 4 3\n";
  }
  std::string at(const std::string& name) const { return "'" + (folder / name).string() + "'"; }
};

}  // namespace

TEST_CASE("render: pictures of every kind, over a photo, and the mesh as placed") {
  const Tetrahedron t;
  std::string first;
  for (const char* show : {"shaded", "colour", "normals", "depth", "mask"}) {
    const Outcome r =
        run_program(str("render ", t.at("t.obj"), " -o ", t.at("p.png"), " --size 48 --json --show ", show));
    CAPTURE(show);
    CHECK(r.code == 0);
    CHECK(r.says("\"triangles\":4"));
    CHECK_FALSE(r.says("\"pixels\":0"));
    const Tensor image = load_image((t.folder / "p.png").string());
    CHECK(image.shape() == Shape{1, 3, 48, 48});
    CHECK(image.as<float>()[0] == -1);  // a black corner
    const std::string bytes = read_text(t.folder / "p.png");
    CHECK(bytes != first);
    first = bytes;
  }
  const Tensor grey = Tensor::full({DType::f32, {1, 3, 48, 48}}, 0);
  save_image((t.folder / "grey.png").string(), grey);
  Outcome r = run_program(str("render ", t.at("t.obj"), " -o ", t.at("over.png"), " --size 48 --over ",
                              t.at("grey.png"), " --save-mesh ", t.at("placed.obj"), " --rotate 0,90,0"));
  CHECK(r.code == 0);
  CHECK(std::fabs(load_image((t.folder / "over.png").string()).as<float>()[0]) < 0.01f);
  // What was placed and is drawn as it is, is the same picture.
  CHECK(run_program(str("render ", t.at("placed.obj"), " --as-is -o ", t.at("again.png"), " --size 48 --over ",
                        t.at("grey.png")))
            .code == 0);
  CHECK(read_text(t.folder / "again.png") == read_text(t.folder / "over.png"));
  CHECK(run_program(str("render ", t.at("t.obj"), " -o ", t.at("p.png"), " --save-mesh ", t.at("m.ply"))).code == 0);
  CHECK(read_text(t.folder / "m.ply").starts_with("ply\n"));
}

TEST_CASE("render: what is wrong is said in one line, with the contract's exit code") {
  const Tetrahedron t;
  std::ofstream(t.folder / "bad.obj") << "v 0 0 0\nf 1 2 3\n";
  const std::string out = " -o " + t.at("p.png");
  Outcome r = run_program("render " + t.at("bad.obj") + out);
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("bad.obj:2: vertex 2 does not exist"));
  CHECK(run_program("render " + t.at("none.obj") + out).code == 3);
  CHECK(run_program("render " + t.at("t.obj") + " -o " + t.at("t.obj")).code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --show teeth").code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --size 0").code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --light 0,0,0").code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --save-mesh " + t.at("m.stl")).code == 3);
  CHECK_FALSE(fs::exists(t.folder / "m.stl"));
}
