#include <cmath>
#include <sstream>

#include "cli/program.hpp"
#include "g2face/models/face_model.hpp"
#include "g2face/plan/executor.hpp"
#include "io/matlab.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// A face model in a file, and where it has its landmarks.
struct Sitter {
  test::TemporaryFolder folder;
  Sitter() {
    const Outcome r =
        run_program("model import-face '" G2FACE_TEST_DATA "/bfm_synthetic.mat' -o " + at("face.safetensors"));
    REQUIRE(r.code == 0);
  }
  std::string at(const std::string& name) const { return str("'", (folder / name).string(), "'"); }

  /// Pixels [L,2] of a picture of 224, y down.
  Tensor landmarks(const Tensor& coefficients) const {
    const Parameters parameters = Parameters::load((folder / "face.safetensors").string());
    const FaceModel model = FaceModel::of(parameters);
    Graph g;
    const PosedFace face =
        posed_face(Scope(g, "face_model"), model, g.constant(coefficients.reshape({1, model.coefficient_count()})));
    Executor executor(plan(g, {face.landmarks}), &parameters);
    executor.run();
    Tensor points =
        executor.get(face.landmarks).reshape({static_cast<std::int64_t>(model.landmarks.size()), 2}).clone();
    const auto p = points.mutable_as<float>();
    for (std::size_t i = 1; i < p.size(); i += 2) p[i] = 223 - p[i];
    return points;
  }
  void write(const std::string& name, const Tensor& points) const {
    std::ostringstream text;
    text.precision(9);
    const auto p = points.as<float>();
    for (std::size_t i = 0; i < p.size(); i += 2) text << (i > 0 ? ", [" : "[[") << p[i] << ", " << p[i + 1] << "]";
    write_text(folder / name, text.str() + "]");
  }
};

}  // namespace

TEST_CASE("fit: coefficients whose landmarks are those of the file" * doctest::skip(!io::has_matlab())) {
  const Sitter sitter;
  Tensor truth = Tensor::zeros({DType::f32, {257}});
  const auto c = truth.mutable_as<float>();
  c[0] = 0.8f, c[1] = -0.5f, c[80] = 0.6f;        // identity, expression
  c[224] = 0.1f, c[225] = -0.3f, c[226] = 0.05f;  // pitch, yaw, roll
  c[254] = 0.2f, c[255] = -0.1f, c[256] = 0.4f;   // to the right, down, nearer
  const Tensor seen = sitter.landmarks(truth);
  sitter.write("seen.json", seen);
  const std::string command = "fit " + sitter.at("seen.json") + " --face-model " + sitter.at("face.safetensors") +
                              " --size 224 --sigma 0.1 --json -o " + sitter.at("c.safetensors");
  const Outcome r = run_program(command);
  INFO(r.text);
  REQUIRE(r.code == 0);
  const Tensor found = Parameters::load((sitter.folder / "c.safetensors").string()).at("coefficients");
  const Tensor again = sitter.landmarks(found);
  float largest = 0;
  for (std::size_t i = 0; i < seen.as<float>().size(); ++i) {
    largest = std::max(largest, std::abs(again.as<float>()[i] - seen.as<float>()[i]));
  }
  CHECK(largest < 0.5f);  // pixels
  for (std::size_t i = 224; i < 227; ++i) {
    CHECK(std::abs(found.as<float>()[i] - c[i]) < 0.5 * std::acos(-1.0) / 180);  // half a degree
  }
  // It is what `render` takes.
  CHECK(run_program("render " + sitter.at("face.safetensors") + " --coefficients " + sitter.at("c.safetensors") +
                    " --size 32 -o " + sitter.at("p.png"))
            .code == 0);
}

TEST_CASE("fit: with a photo, texture and light are those of the photo" * doctest::skip(!io::has_matlab())) {
  const Sitter sitter;
  Tensor truth = Tensor::zeros({DType::f32, {257}});
  const auto c = truth.mutable_as<float>();
  c[0] = 0.5f, c[144] = 1, c[146] = -1;                                         // identity, texture
  c[225] = 0.2f;                                                                // yaw
  for (const std::size_t k : {227u, 236u, 245u}) c[k] = 0.2f, c[k + 2] = 0.3f;  // brighter, and from the front
  Parameters file;
  file.set("coefficients", truth);
  file.save((sitter.folder / "truth.safetensors").string());
  const std::string face = sitter.at("face.safetensors");
  const auto draw = [&](const std::string& coefficients, const std::string& to) {
    const Outcome r = run_program("render " + face + " --coefficients " + sitter.at(coefficients) + " --size 224 -o " +
                                  sitter.at(to));
    CHECK(r.code == 0);
    return load_image((sitter.folder / to).string());
  };
  const Tensor photo = draw("truth.safetensors", "photo.png");
  sitter.write("seen.json", sitter.landmarks(truth));
  const std::string command = "fit " + sitter.at("seen.json") + " --face-model " + face + " --sigma 0.1 --json -o ";
  CHECK(run_program(command + sitter.at("plain.safetensors") + " --size 224").code == 0);
  const Tensor before = draw("plain.safetensors", "plain.png");
  for (const char* more : {"", " --refine-shape"}) {
    const Outcome r = run_program(command + sitter.at("c.safetensors") + " --photo " + sitter.at("photo.png") + more);
    INFO(r.text);
    REQUIRE(r.code == 0);
    CHECK(r.says("\"photo_status\":\"converged\""));
    CHECK(r.says("\"albedo_red\":0."));
    const Tensor after = draw("c.safetensors", "again.png");
    double error[2] = {};
    for (std::size_t i = 0; i < photo.as<float>().size(); ++i) {
      error[0] += std::abs(before.as<float>()[i] - photo.as<float>()[i]);
      error[1] += std::abs(after.as<float>()[i] - photo.as<float>()[i]);
    }
    INFO("error ", error[0], " -> ", error[1]);
    CHECK(error[1] < error[0] / 4);
  }
  const Outcome text = run_program("fit " + sitter.at("seen.json") + " --face-model " + face + " -o " +
                                   sitter.at("c.safetensors") + " --photo " + sitter.at("photo.png"));
  CHECK(text.says("colours are off by "));
}

TEST_CASE("fit: what is wrong is said in one line" * doctest::skip(!io::has_matlab())) {
  const Sitter sitter;
  const std::string rest = " --face-model " + sitter.at("face.safetensors") + " -o " + sitter.at("c.safetensors");
  const auto refuses = [&](const std::string& text, int code, std::string_view words, const std::string& more = "") {
    write_text(sitter.folder / "l.json", text);
    const Outcome r = run_program("fit " + sitter.at("l.json") + rest + more);
    INFO(r.text);
    CHECK(r.code == code);
    CHECK(r.one_error());
    CHECK(r.says(words));
    CHECK_FALSE(fs::exists(sitter.folder / "c.safetensors"));
  };
  refuses("[[1, 2], [3, 4]]", 2, "2 landmarks were given");
  refuses("[[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]]", 2, "no pose follows");
  refuses("{", 3, "give landmarks as [[x, y], ...]");

  const std::string points = "[[80, 90], [140, 90], [112, 120], [90, 150], [135, 150]]";
  const auto photo = [&](const Tensor& image) {
    save_image((sitter.folder / "photo.png").string(), image);
    return " --photo " + sitter.at("photo.png");
  };
  refuses(points, 2, "no colours follow from this photo (degenerate)",
          photo(Tensor::full({DType::f32, {1, 3, 224, 224}}, 0)));
  refuses(points, 2, "is not square", photo(Tensor::full({DType::f32, {1, 3, 64, 48}}, 0)));
  refuses(points, 2, "a photo of 8x8 is too small", photo(Tensor::full({DType::f32, {1, 3, 8, 8}}, 0)));
  refuses(points, 2, "give --photo", " --refine-shape");
  refuses(points, 3, "none.png", " --photo " + sitter.at("none.png"));
}
