#include <cmath>

#include "cli/program.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "io/matlab.hpp"

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
  std::string at(const std::string& name) const { return str("'", (folder / name).string(), "'"); }
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

TEST_CASE("render: a face of a face model, the mean one and another" * doctest::skip(!io::has_matlab())) {
  const test::TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return str("'", (folder / name).string(), "'"); };
  Outcome r = run_program("model import-face '" G2FACE_TEST_DATA "/bfm_synthetic.mat' -o " + at("face.safetensors"));
  REQUIRE(r.code == 0);
  const std::string draw = "render " + at("face.safetensors") + " --size 64 --json --show ";
  for (const char* show : {"shaded", "normals", "depth"}) {
    r = run_program(draw + show + " -o " + at("mean.png"));
    CHECK(r.code == 0);
    CHECK_FALSE(r.says("\"pixels\":0"));
  }
  Tensor moved = Tensor::zeros({DType::f32, {257}});
  moved.mutable_as<float>()[254] = 0.3f;  // to the right
  Parameters coefficients;
  coefficients.set("coefficients", moved);
  coefficients.save((folder / "c.safetensors").string());
  r = run_program(draw + "depth --coefficients " + at("c.safetensors") + " -o " + at("moved.png"));
  CHECK(r.code == 0);
  CHECK(read_text(folder / "moved.png") != read_text(folder / "mean.png"));
  coefficients.set("coefficients", Tensor::zeros({DType::f32, {5}}));
  coefficients.save((folder / "c.safetensors").string());
  r = run_program(draw + "depth --coefficients " + at("c.safetensors") + " -o " + at("moved.png"));
  CHECK(r.code == 5);
  CHECK(r.says("they must be f32[257]"));
  CHECK(r.one_error());
}

TEST_CASE("render: the face that the network sees in a picture, over it" * doctest::skip(!io::has_matlab())) {
  const Place p;
  REQUIRE(run_program(str("model import-face '" G2FACE_TEST_DATA "/bfm_synthetic.mat' -o ", p.in("bfm.safetensors")))
              .code == 0);
  const auto draw = [&](const std::string& options, const std::string& face = "bfm.safetensors") {
    return run_program(str("render ", p.in(face), " ", options, " -o ", p.in("drawn.png"), " --size 64 --json"));
  };
  const std::string seen = str("--image ", p.in("face.png")), by_model = str(" --model '", p.model, "'");
  Outcome r = draw(seen + by_model);
  CAPTURE(r.text);
  CHECK(r.code == 0);
  CHECK(r.says("\"pixels\":"));
  CHECK_FALSE(r.says("\"pixels\":0"));
  const std::string drawn = read_text(p.dir / "drawn.png");
  CHECK(load_image(p.dir / "drawn.png").shape() == Shape{1, 3, 64, 64});

  // The same by hand: the network's coefficients, given.
  const Parameters parameters = Parameters::load(p.model);
  Graph g;
  const Tensor picture = crop_resize(load_image(p.face), {0, 0, 64, 64}, 224, 224);
  const Value image = g.input(picture.type(), "image");
  const Value c = recon(Scope(g, "recon"), affine(image, 0.5, 0.5), ModelConfig::of(parameters));
  Executor executor(plan(g, {c}, {.device = Device::cpu()}), &parameters);
  executor.set(image, picture);
  executor.run();
  const Tensor coefficients = executor.get(c).to(DType::f32);
  std::string list;
  for (const float v : coefficients.as<float>()) list += str(list.empty() ? "" : ",", std::to_string(v));
  Parameters file;
  file.set("coefficients", coefficients);
  file.save(p.dir / "c.safetensors");
  const std::string over = str(" --over ", p.in("face.png"));
  CHECK(draw(str("--coefficients ", p.in("c.safetensors"), over)).code == 0);
  CHECK(read_text(p.dir / "drawn.png") == drawn);
  const Tensor want = load_image(p.dir / "drawn.png");
  for (const std::string& text : {str("[", list, "]"), str("[[", list, "]]")}) {
    write_text(p.dir / "c.json", text);
    CHECK(draw(str("--coefficients ", p.in("c.json"), over)).code == 0);
    CHECK(relative_error(load_image(p.dir / "drawn.png"), want) <
          0.01);  // six digits: some colours are rounded otherwise
  }

  // What is wrong is said in one line.
  const auto fails = [&](const Outcome& outcome, int code, std::string_view words) {
    CAPTURE(outcome.text);
    CHECK(outcome.code == code);
    CHECK(outcome.says(words));
  };
  for (const auto& [text, words] : {std::pair{"[1,2]", "they must be f32[257]"},
                                    {"[[1],[2]]", "2 faces"},
                                    {"[1,\"a\"]", "entry 1 is no finite number"},
                                    {"[[[1]]]", "nested too deep"},
                                    {"[1,", "no list in JSON"},
                                    {"[1e999]", "c.json"}}) {
    write_text(p.dir / "c.json", text);
    r = draw(str("--coefficients ", p.in("c.json")));
    fails(r, text == std::string_view("[1,2]") ? 5 : 3, words);
    CHECK(r.one_error());
  }
  Parameters other = Parameters::load(p.dir / "bfm.safetensors");
  const std::int64_t vertices = other.at("face_model/identity").shape()[0];
  other.set("face_model/identity", Tensor::zeros({DType::f32, {vertices, 3, 5}}));
  other.save(p.dir / "other.safetensors");
  r = draw(seen + by_model, "other.safetensors");
  fails(r, 5, "this face model has 5 + 64 + 80 modes");
  CHECK(r.one_error());
  fails(draw(seen), 2, "model");
  fails(draw(str(seen, " --model ", p.in("bfm.safetensors"))), 5, "bfm.safetensors");
  fails(draw(seen + by_model + over), 2, "excludes");
  save_image(p.dir / "wide.png", fill("x", {1, 3, 64, 80}));
  fails(draw(str("--image ", p.in("wide.png"), by_model)), 2, "is not square");
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
  CHECK(run_program("render " + t.at("t.obj") + out + " --image " + t.at("t.obj")).code == 2);
  CHECK(run_program("render " + t.at("t.obj") + " -o " + t.at("t.obj")).code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --show teeth").code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --size 0").code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --light 0,0,0").code == 2);
  CHECK(run_program("render " + t.at("t.obj") + out + " --save-mesh " + t.at("m.stl")).code == 3);
  CHECK_FALSE(fs::exists(t.folder / "m.stl"));
}
