#include "g2face/models/face_model.hpp"

#include <cmath>
#include <numbers>

#include "g2face/ops.hpp"

namespace g2face {
namespace {

/// A basis or a mean as rows of one number each: [3V,K] or [3V]. Values, not shapes, belong to the file: what a new
/// model would start with is zero.
Value field(const Scope& s, std::string_view name, const Shape& shape) { return s.param(name, shape, init::zeros()); }

/// The vertices of a mean [V,3] and bases [V,3,K] for coefficients [N,K]; a basis without coefficients adds nothing.
struct Part {
  Value basis, coefficients;
};

Value combine(Value mean, std::span<const Part> parts) {
  const std::int64_t rows = mean.shape().numel();
  Value sum = reshape(mean, {1, rows});
  for (const Part& p : parts) {
    const Value flat = reshape(p.basis, {rows, p.basis.shape()[-1]});
    sum = matmul(p.coefficients, flat, {.transpose_b = true}) + sum;
  }
  return reshape(sum, {sum.shape()[0], mean.shape()[0], 3});
}

void check_coefficients(std::string_view what, Value v, std::int64_t count) {
  check<ShapeError>(v.shape().rank() == 2 && v.shape()[1] == count, "face model: ", what, " ", v.shape(),
                    " must be [N,", count, "]");
}

}  // namespace

FaceCoefficients split_coefficients(const FaceModel& model, Value coefficients) {
  check_coefficients("coefficients", coefficients, model.coefficient_count());
  std::int64_t begin = 0;
  const auto next = [&](std::int64_t size) {
    const Value part = size > 0 ? slice_axis(coefficients, 1, begin, size) : Value{};
    begin += size;
    return part;
  };
  FaceCoefficients c;
  c.identity = next(model.identity);
  c.expression = next(model.expression);
  c.texture = next(model.texture);
  c.angles = next(3);
  c.gamma = next(27);
  c.translation = next(3);
  return c;
}

Value face_shape(const Scope& s, const FaceModel& model, Value identity, Value expression) {
  check_coefficients("identity", identity, model.identity);
  check_coefficients("expression", expression, model.expression);
  const Part parts[] = {{field(s, "identity", {model.vertices, 3, model.identity}), identity},
                        {field(s, "expression", {model.vertices, 3, model.expression}), expression}};
  return combine(field(s, "mean_shape", {model.vertices, 3}), parts);
}

Value face_shape_at(const Scope& s, const FaceModel& model, Value identity, Value expression,
                    const std::vector<std::int64_t>& vertices) {
  check_coefficients("identity", identity, model.identity);
  check_coefficients("expression", expression, model.expression);
  const auto at = [&](std::string_view name, const Shape& shape) { return gather(field(s, name, shape), 0, vertices); };
  const Part parts[] = {{at("identity", {model.vertices, 3, model.identity}), identity},
                        {at("expression", {model.vertices, 3, model.expression}), expression}};
  return combine(at("mean_shape", {model.vertices, 3}), parts);
}

Value face_texture(const Scope& s, const FaceModel& model, Value texture, Value like) {
  const Value mean = field(s, "mean_texture", {model.vertices, 3});
  if (model.texture == 0) {
    check<ShapeError>(static_cast<bool>(like) && like.shape().rank() > 0,
                      "face model: a texture without modes needs a value [N,...] to be like");
    return broadcast_to(reshape(mean, {1, model.vertices, 3}), {like.shape()[0], model.vertices, 3});
  }
  check_coefficients("texture", texture, model.texture);
  const Part part{field(s, "texture", {model.vertices, 3, model.texture}), texture};
  return combine(mean, std::span(&part, 1));
}

Value face_normals(const FaceModel& model, Value shape) {
  return vertex_normals(shape, model.mesh, {.weight = model.facts.normals});
}

Value rotation_matrix(Value angles) {
  check<ShapeError>(angles.shape().rank() == 2 && angles.shape()[1] == 3, "rotation_matrix: angles ", angles.shape(),
                    " must be [N,3]");
  const Value s = sin(angles), c = cos(angles);
  const auto part = [](Value v, int axis) { return slice_axis(v, 1, axis, 1); };
  const Value sx = part(s, 0), sy = part(s, 1), sz = part(s, 2), cx = part(c, 0), cy = part(c, 1), cz = part(c, 2);
  // Column by column of Rz Ry Rx, which are the rows of its transpose.
  const Value flat = concat({cz * cy, sz * cy, -sy,                                    //
                             cz * sy * sx - sz * cx, sz * sy * sx + cz * cx, cy * sx,  //
                             cz * sy * cx + sz * sx, sz * sy * cx - cz * sx, cy * cx},
                            1);
  return reshape(flat, {angles.shape()[0], 3, 3});
}

Value rigid_transform(Value points, Value rotation, Value translation) {
  const Value turned = matmul(points, rotation);
  if (!translation) return turned;
  return turned + reshape(translation, {translation.shape()[0], 1, 3});
}

Value to_camera(Value points, const FaceCamera& camera) {
  Graph& g = *points.graph;
  const auto constant = [&](float z, float rest) {
    return g.constant(Tensor::from({1, 1, 3}, {rest, rest, z}).to(points.dtype()));
  };
  return points * constant(-1, 1) + constant(static_cast<float>(camera.distance), 0);
}

Value project(Value camera_points, const FaceCamera& camera) {
  const Value scale = affine(reciprocal(slice_axis(camera_points, 2, 2, 1)), camera.focal);
  Tensor centre({DType::f64, {1, 1, 2}});
  centre.mutable_as<double>()[0] = camera.centre_x;
  centre.mutable_as<double>()[1] = camera.centre_y;
  return slice_axis(camera_points, 2, 0, 2) * scale + camera_points.graph->constant(centre.to(camera_points.dtype()));
}

Value face_landmarks(const FaceModel& model, Value per_vertex) { return gather(per_vertex, 1, model.landmarks); }

namespace {

/// The value of the first basis function, which is constant, and how much the light has of it without coefficients.
const double sh_constant = std::numbers::pi / std::sqrt(4 * std::numbers::pi);
constexpr double ambient = 0.8;

/// The other eight.        [N,V,3] -> [N,8,V]
Value sh_directions(Value normals) {
  using std::numbers::pi, std::numbers::sqrt3;
  const double root4pi = std::sqrt(4 * pi), root12pi = std::sqrt(12 * pi);
  const double k1 = 2 * pi / sqrt3 * sqrt3 / root4pi, k2 = 2 * pi / std::sqrt(8.0) * 3 * std::sqrt(5.0) / root12pi;
  const Value planes = transpose(normals, {0, 2, 1});
  const Value x = slice_axis(planes, 1, 0, 1), y = slice_axis(planes, 1, 1, 1), z = slice_axis(planes, 1, 2, 1);
  return concat(
      {y * -k1, z * k1, x * -k1, x * y * k2, y * z * -k2, affine(square(z), 3 * k2 / (2 * sqrt3), -k2 / (2 * sqrt3)),
       x * z * -k2, (square(x) - square(y)) * (k2 / 2)},
      1);
}

}  // namespace

Value sh_basis(Value normals) {
  const Value directions = sh_directions(normals);
  const Value constant = affine(slice_axis(directions, 1, 0, 1), 0, sh_constant);
  return transpose(concat({constant, directions}, 1), {0, 2, 1});
}

Value sh_shading(Value normals, Value gamma) {
  check_coefficients("gamma", gamma, 27);
  const std::int64_t n = normals.shape()[0], count = normals.shape()[1];
  // The first basis function is constant, so its coefficient is added once for each sample.
  const Value weights = reshape(gamma, {n, 3, 9});
  const Value constant = affine(slice_axis(weights, 2, 0, 1), sh_constant, ambient * sh_constant);
  const Value light = matmul(slice_axis(weights, 2, 1, 8), sh_directions(normals)) + constant;  // [N,3,V]
  check<ShapeError>(light.shape()[2] == count, "sh_shading: normals ", normals.shape(), " must be [N,V,3]");
  return transpose(light, {0, 2, 1});
}

PosedFace posed_face(const Scope& s, const FaceModel& model, Value coefficients, const FaceCamera& camera) {
  PosedFace face;
  const FaceCoefficients c = face.coefficients = split_coefficients(model, coefficients);
  const Value rotation = rotation_matrix(c.angles);
  // The camera's change of z is linear, so it is made once for each sample instead of for each vertex.
  const Value origin = to_camera(reshape(c.translation, {c.translation.shape()[0], 1, 3}), camera);
  const Value axes = to_camera(rotation, {.distance = 0});
  const auto to_picture = [&](Value points) { return matmul(points, axes) + origin; };
  face.shape = face_shape(s, model, c.identity, c.expression);
  face.camera = to_picture(face.shape);
  face.texture = face_texture(s, model, c.texture, coefficients);
  face.shading = sh_shading(rigid_transform(face_normals(model, face.shape), rotation), c.gamma);
  face.colour = face.texture * face.shading;
  face.landmarks = project(to_picture(face_landmarks(model, face.shape)), camera);
  return face;
}

}  // namespace g2face
