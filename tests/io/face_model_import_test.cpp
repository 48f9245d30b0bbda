#include "io/face_model_import.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/fill.hpp"
#include "g2face/models/face_model.hpp"
#include "io/matlab.hpp"
#include "io/temporary_folder.hpp"
#include "mesh.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// Tensors named and shaped as those of ICT-FaceKit, of a mesh of 4 x 5 vertices.
Parameters small_ict() {
  Parameters p;
  p.set("neutral", fill("ict/neutral", {20, 3}, 10, 3));
  p.set("identity", fill("ict/identity", {4, 20, 3}).to(DType::f16));
  p.set("expression", fill("ict/expression", {2, 20, 3}).to(DType::f16));
  p.set("triangles", testing::grid_triangles(4, 5));
  p.set("landmarks68", Tensor::from({3}, {0, 7, 19}).to(DType::i32));
  p.set("part", Tensor::full(Type{DType::u8, {20}}, 1));
  p.set("uv", fill("ict/uv", {6, 2}));
  p.set("triangles_uv", Tensor::full(Type{DType::i32, {24, 3}}, 5));
  p.metadata()["licence"] = "MIT";
  p.metadata()["expression_names"] = "jawOpen,browDown_L";
  return p;
}

struct Place {
  TemporaryFolder folder;
  std::string path = (folder / "model.safetensors").string();

  Parameters import(const Parameters& p) const {
    p.save(path);
    return io::import_face_model(path);
  }
  std::string error(const std::string& name, const Tensor& tensor) const {
    Parameters p = small_ict();
    p.erase(name);
    if (tensor) p.set(name, tensor);
    return message_of<CheckpointError>([&] { import(p); });
  }
};

}  // namespace

TEST_CASE("BFM: both ways to compress the file give the same model" * doctest::skip(!io::has_matlab())) {
  const Parameters plain = io::import_face_model(str(G2FACE_TEST_DATA, "/bfm_synthetic.mat"));
  const Parameters packed = io::import_face_model(str(G2FACE_TEST_DATA, "/bfm_synthetic_compressed.mat"));
  const FaceModel model = FaceModel::of(plain);
  CHECK(model.facts.name == "bfm-front");
  CHECK(model.vertices == 400);
  CHECK(model.triangles.shape() == Shape{722, 3});
  CHECK(model.coefficient_count() == 257);
  CHECK(model.landmarks.size() == 68);
  REQUIRE(plain.size() == packed.size());
  for (const auto& entry : plain) {
    CHECK_MESSAGE(relative_error(entry.second, packed.at(entry.first)) == 0, entry.first);
  }
}

TEST_CASE("ICT-FaceKit: decimetres about the mean, modes last, neighbours from the triangles") {
  const Place place;
  const Parameters source = small_ict(), p = place.import(source);
  const FaceModel model = FaceModel::of(p);
  CHECK(model.facts.name == "ict-facekit-light");
  CHECK(model.facts.licence == "MIT");
  CHECK(model.facts.normals == NormalWeight::area);
  CHECK(model.facts.expression_names == std::vector<std::string>{"jawOpen", "browDown_L"});
  CHECK(model.identity == 4);
  CHECK(model.expression == 2);
  CHECK(model.texture == 0);
  CHECK(model.landmarks == std::vector<std::int64_t>{0, 7, 19});
  CHECK(p.at("face_model/part").dtype() == DType::i32);
  const auto mean = p.at("face_model/mean_shape").as<float>();
  const auto identity = p.at("face_model/identity").as<float>();
  double total = 0;
  for (std::size_t v = 0; v < 20; ++v) {
    total += static_cast<double>(mean[3 * v + 1]);
    for (std::size_t a = 0; a < 3; ++a) {
      const double back = static_cast<double>(mean[3 * v + a]) / model.facts.scale + model.facts.origin[a];
      CHECK(back == doctest::Approx(static_cast<double>(source.at("neutral").as<float>()[3 * v + a])).epsilon(1e-5));
      for (std::size_t k = 0; k < 4; ++k) {
        const float mode = to_float(source.at("identity").as<f16>()[60 * k + 3 * v + a]);
        CHECK(identity[(3 * v + a) * 4 + k] == doctest::Approx(0.1 * static_cast<double>(mode)));
      }
    }
  }
  CHECK(std::abs(total) < 1e-5);
}

TEST_CASE("ICT-FaceKit: what does not fit is named") {
  const Place place;
  const auto says = [&](const std::string& name, const Tensor& tensor, const std::string& text) {
    const std::string error = place.error(name, tensor);
    CHECK_MESSAGE(error.find(text) != std::string::npos, error);
    CHECK(error.find(place.path) == 0);
  };
  says("neutral", {}, "is neither a MATLAB file nor ICT-FaceKit");
  says("neutral", fill("a", {20, 2}), "'neutral' is [20,2], expected [V,3]");
  says("identity", {}, "has no tensor 'identity'");
  says("identity", fill("a", {4, 19, 3}), "'identity' is [4,19,3], expected [K,20,3]");
  says("triangles", fill("a", {4, 3}), "'triangles' is f32[4,3], expected integers");
  says("triangles", testing::table({0, 1, 20}), "triangles holds 20, expected 0..19");
  says("landmarks68", Tensor::from({1}, {-1}).to(DType::i32), "face_model/landmarks holds -1");
  says("triangles_uv", Tensor::full(Type{DType::i32, {24, 3}}, 6), "face_model/uv_triangles holds 6, expected 0..5");
  says("uv", {}, "face_model/uv and face_model/uv_triangles need each other");
}

TEST_CASE("a native file reads back as what was written") {
  const Place place;
  const Parameters p = place.import(small_ict());
  const std::string native = (place.folder / "native.safetensors").string();
  p.save(native);
  const Parameters again = Parameters::load(native);
  CHECK(FaceModelFacts::of(again) == FaceModelFacts::of(p));
  CHECK(FaceModel::of(again).vertices == 20);
}
