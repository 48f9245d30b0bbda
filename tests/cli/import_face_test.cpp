#include "cli/program.hpp"
#include "g2face/models/face_model.hpp"
#include "io/matlab.hpp"

using namespace g2face;
using namespace g2face::test;

TEST_CASE("model import-face makes a native file of a MATLAB one" * doctest::skip(!io::has_matlab())) {
  const TemporaryFolder folder;
  const std::string out = (folder / "face.safetensors").string();
  const Outcome r = run_program(str("model import-face '", G2FACE_TEST_DATA, "/bfm_synthetic.mat' -o '", out, "'"));
  CHECK(r.code == 0);
  CHECK(
      r.says("bfm-front, 400 vertices, 722 triangles, 68 landmarks; 80 identity, 64 expression and 80 texture modes"));
  CHECK(r.says("not for commercial use"));
  CHECK(FaceModel::of(Parameters::load(out)).coefficient_count() == 257);
}

TEST_CASE("model import-face: what is no face model") {
  const TemporaryFolder folder;
  const std::string file = (folder / "file").string(), out = (folder / "out").string();
  write_text(file, "MATLAB or not");
  const Outcome r = run_program(str("model import-face '", file, "' -o '", out, "'"));
  CHECK(r.code == 5);
  CHECK(r.one_error());
  CHECK(r.says(file + ": "));
  CHECK(folder.file_count() == 1);
}
