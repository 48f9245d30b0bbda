// The recorded shapes of ICT-FaceKit. The model is not part of this repository: set G2FACE_ICT_FACEKIT to a folder with
// ict_face_light.safetensors and golden_shape.safetensors.

#include <doctest/doctest.h>

#include <cstdlib>

#include "g2face/models/face_model.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "io/face_model_import.hpp"

using namespace g2face;

namespace {

Tensor in_batch(const Tensor& t) { return t.reshape({1, t.numel()}); }

/// Positions of a file in the units and about the origin of the source.
Tensor in_source_units(Tensor points, const FaceModelFacts& facts) {
  const auto values = points.mutable_as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(static_cast<double>(values[i]) / facts.scale + facts.origin[i % 3]);
  }
  return points;
}

}  // namespace

TEST_CASE("ICT-FaceKit: the recorded vertices, normals and landmarks") {
  const char* folder = std::getenv("G2FACE_ICT_FACEKIT");
  if (folder == nullptr) {
    MESSAGE("not run: G2FACE_ICT_FACEKIT names no folder with ict_face_light.safetensors and golden_shape.safetensors");
    return;
  }
  const Parameters parameters = io::import_face_model(str(folder, "/ict_face_light.safetensors"));
  const Parameters recorded = Parameters::load(str(folder, "/golden_shape.safetensors"));
  const FaceModel model = FaceModel::of(parameters);
  Graph graph;
  const Value identity = graph.input({DType::f32, {1, model.identity}}, "identity");
  const Value expression = graph.input({DType::f32, {1, model.expression}}, "expression");
  const Value shape = face_shape(Scope(graph, "face_model"), model, identity, expression);
  const Value normals = face_normals(model, shape), landmarks = face_landmarks(model, shape);
  Executor executor(plan(graph, {shape, normals, landmarks}, {}), &parameters);
  for (const std::string example : {"0.", "1.", "2."}) {
    executor.set(identity, in_batch(recorded.at(example + "identity")));
    executor.set(expression, in_batch(recorded.at(example + "expression")));
    executor.run();
    const auto error = [&](const Tensor& got, const char* name) {
      const Tensor& want = recorded.at(example + name);
      return relative_error(got.reshape(want.shape()), want);
    };
    const double errors[] = {error(in_source_units(executor.get(shape), model.facts), "vertices"),
                             error(executor.get(normals), "normals"),
                             error(in_source_units(executor.get(landmarks), model.facts), "landmarks68")};
    MESSAGE("example " << example << " relative errors: vertices " << errors[0] << ", normals " << errors[1]
                       << ", landmarks " << errors[2]);
    CHECK(errors[0] < 1e-6);
    CHECK(errors[1] < 2e-5);  // differences of neighbours, which are a thousandth of the coordinates
    CHECK(errors[2] < 1e-6);
  }
}
