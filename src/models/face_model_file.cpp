// Reads and checks face models: whatever a file holds, graphs built of it stay inside their tables.

#include <cmath>
#include <limits>

#include "g2face/models/face_model.hpp"

namespace g2face {
namespace {

class Reader {
 public:
  explicit Reader(const Parameters& parameters) : parameters_(parameters) {}

  bool has(std::string_view field) const { return parameters_.contains(name(field)); }

  /// A field of this dtype whose extents are these; -1 stands for any from `least` on.
  const Tensor& get(std::string_view field, DType dtype, std::initializer_list<std::int64_t> extents,
                    std::int64_t least = 1) const {
    check<CheckpointError>(has(field), "face model: ", name(field), " is missing");
    const Tensor& t = parameters_.at(name(field));
    bool fits = t.dtype() == dtype && t.shape().rank() == static_cast<int>(extents.size());
    std::string wanted;
    int axis = 0;
    for (const std::int64_t extent : extents) {
      wanted += str(axis > 0 ? "," : "", extent < 0 ? "any" : std::to_string(extent));
      fits = fits && (extent < 0 ? t.shape()[axis] >= least : t.shape()[axis] == extent);
      ++axis;
    }
    check<CheckpointError>(fits, "face model: ", name(field), " is ", t.type().str(), ", expected ", dtype, "[", wanted,
                           "]");
    return t;
  }

  const Tensor& numbers(std::string_view field, std::initializer_list<std::int64_t> extents) const {
    const Tensor& t = get(field, DType::f32, extents);
    for (const float v : t.as<float>()) {
      check<CheckpointError>(std::isfinite(v), "face model: ", name(field), " holds a number that is not finite");
    }
    return t;
  }

  /// Indices 0..end-1.
  const Tensor& indices(std::string_view field, std::initializer_list<std::int64_t> extents, std::int64_t end) const {
    const Tensor& t = get(field, DType::i32, extents);
    for (const std::int32_t i : t.as<std::int32_t>()) {
      check<CheckpointError>(i >= 0 && i < end, "face model: ", name(field), " holds ", i, ", expected 0..", end - 1);
    }
    return t;
  }

 private:
  static std::string name(std::string_view field) { return str("face_model/", field); }

  const Parameters& parameters_;
};

}  // namespace

FaceModel FaceModel::of(const Parameters& parameters) {
  const Reader file(parameters);
  FaceModel model;
  model.facts = FaceModelFacts::of(parameters);
  // Triangles and their corners are counted in 32 bits.
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() / 4;
  model.vertices = file.numbers("mean_shape", {-1, 3}).shape()[0];
  model.identity = file.numbers("identity", {model.vertices, 3, -1}).shape()[2];
  model.expression = file.numbers("expression", {model.vertices, 3, -1}).shape()[2];
  file.numbers("mean_texture", {model.vertices, 3});
  if (file.has("texture")) model.texture = file.numbers("texture", {model.vertices, 3, -1}).shape()[2];
  model.triangles = file.indices("triangles", {-1, 3}, model.vertices);
  const std::int64_t triangles = model.triangles.shape()[0];
  check<CheckpointError>(model.vertices <= most && triangles <= most, "face model: ", model.vertices, " vertices and ",
                         triangles, " triangles are more than ", most);
  model.mesh = mesh_tables(model.triangles, model.vertices,
                           file.indices("vertex_triangles", {model.vertices, -1}, triangles + 1));
  for (const std::int32_t i : file.indices("landmarks", {-1}, model.vertices).as<std::int32_t>()) {
    model.landmarks.push_back(i);
  }

  if (file.has("front_vertices")) file.indices("front_vertices", {-1}, model.vertices);
  if (file.has("front_triangles")) file.indices("front_triangles", {-1, 3}, model.vertices);
  if (file.has("skin")) file.numbers("skin", {model.vertices});
  if (file.has("part")) file.get("part", DType::i32, {model.vertices});
  check<CheckpointError>(file.has("uv") == file.has("uv_triangles"),
                         "face model: face_model/uv and face_model/uv_triangles need each other");
  if (file.has("uv")) file.indices("uv_triangles", {triangles, 3}, file.numbers("uv", {-1, 2}).shape()[0]);
  return model;
}

}  // namespace g2face
