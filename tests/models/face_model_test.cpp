#include "g2face/models/face_model.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "evaluate.hpp"
#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "io/temporary_folder.hpp"
#include "mesh.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

constexpr std::int64_t vertex_count = 20;

Tensor integers(std::initializer_list<float> values) {
  return Tensor::from({static_cast<std::int64_t>(values.size())}, values).to(DType::i32);
}

/// A bent sheet of 4 x 5 vertices with modes of random numbers.
Parameters small_model(std::int64_t texture_modes = 2) {
  Parameters p;
  p.set("face_model/mean_shape", fill("face/mean", {vertex_count, 3}));
  p.set("face_model/identity", fill("face/identity", {vertex_count, 3, 4}, 0.2));
  p.set("face_model/expression", fill("face/expression", {vertex_count, 3, 3}, 0.2));
  p.set("face_model/mean_texture", fill("face/colour", {vertex_count, 3}, 0.3, 0.5));
  if (texture_modes > 0) p.set("face_model/texture", fill("face/texture", {vertex_count, 3, texture_modes}, 0.1));
  p.set("face_model/triangles", grid_triangles(4, 5));
  p.set("face_model/vertex_triangles", mesh_tables(grid_triangles(4, 5), vertex_count).vertex_triangles);
  p.set("face_model/landmarks", integers({3, 17, 0, 3}));
  return p;
}

/// Builds with the small model, on the reference device.
struct Sheet {
  explicit Sheet(std::int64_t texture_modes = 2)
      : parameters(small_model(texture_modes)), model(FaceModel::of(parameters)) {}

  Value random(const Shape& shape) {
    inputs.emplace_back(graph.input({DType::f32, shape}, str("x", inputs.size())),
                        random_tensor(shape, inputs.size() + 1).to(DType::f32));
    return inputs.back().first;
  }
  Tensor run(Value v) const {
    Executor executor(plan(graph, {v}, {.device = Device::reference()}), &parameters);
    for (const auto& [value, tensor] : inputs) executor.set(value, tensor);
    executor.run();
    return executor.get(v);
  }

  Parameters parameters;
  FaceModel model;
  Graph graph;
  Scope scope{graph, "face_model"};
  Feeds inputs;
};

}  // namespace

TEST_CASE("face model: a file is read with its sizes, and coefficients split in their order") {
  Sheet s;
  CHECK(s.model.vertices == vertex_count);
  CHECK(s.model.coefficient_count() == 4 + 3 + 2 + 33);
  CHECK(s.model.landmarks == std::vector<std::int64_t>{3, 17, 0, 3});
  const Value all = s.random({2, 42});
  const FaceCoefficients c = split_coefficients(s.model, all);
  const Value joined = concat({c.identity, c.expression, c.texture, c.angles, c.gamma, c.translation}, 1);
  CHECK(relative_error(s.run(joined), s.run(all)) == 0);
  CHECK(c.gamma.shape() == Shape{2, 27});
  CHECK_THROWS_WITH_AS(split_coefficients(s.model, s.random({2, 257})),
                       "face model: coefficients [2,257] must be [N,42]", ShapeError);
}

TEST_CASE("face model: a file that does not fit is refused by the name of the field") {
  const auto refuses = [](const std::string& field, const Tensor& tensor, const std::string& text) {
    Parameters p = small_model();
    p.erase("face_model/" + field);
    if (tensor) p.set("face_model/" + field, tensor);
    const std::string error = test::message_of<CheckpointError>([&] { FaceModel::of(p); });
    CHECK_MESSAGE(error.find("face_model/" + field + " " + text) != std::string::npos, error);
  };
  const auto ints = [](const Shape& shape, double value) { return Tensor::full(Type{DType::i32, shape}, value); };
  for (const char* field :
       {"mean_shape", "identity", "expression", "mean_texture", "triangles", "vertex_triangles", "landmarks"}) {
    refuses(field, {}, "is missing");
    refuses(field, fill("a", {7}), "is f32[7], expected");
  }
  refuses("mean_shape", fill("a", {20, 2}), "is f32[20,2], expected f32[any,3]");
  refuses("mean_shape", fill("a", {0, 3}), "is f32[0,3]");
  refuses("identity", fill("a", {19, 3, 4}), "is f32[19,3,4], expected f32[20,3,any]");
  refuses("expression", fill("a", {20, 3, 0}), "is f32[20,3,0]");
  refuses("texture", fill("a", {20, 4, 2}), "is f32[20,4,2], expected f32[20,3,any]");
  refuses("mean_shape", fill("a", {20, 3}).to(DType::f64), "is f64[20,3]");
  refuses("mean_texture", Tensor::full(Type{DType::f32, {20, 3}}, std::nan("")), "holds a number that is not finite");
  refuses("identity", Tensor::full(Type{DType::f32, {20, 3, 4}}, HUGE_VAL), "holds a number that is not finite");
  refuses("triangles", ints({4, 3}, 20), "holds 20, expected 0..19");
  refuses("triangles", ints({4, 3}, -1), "holds -1");
  refuses("vertex_triangles", ints({20, 8}, 25), "holds 25, expected 0..24");
  refuses("vertex_triangles", ints({19, 8}, 0), "is i32[19,8]");
  refuses("landmarks", ints({68}, 1 << 30), "holds 1073741824");
  refuses("front_vertices", ints({3}, 20), "holds 20");
  refuses("front_triangles", ints({3, 3}, 20), "holds 20");
  refuses("skin", fill("a", {19}), "is f32[19], expected f32[20]");
  refuses("part", ints({19}, 0), "is i32[19]");
}

TEST_CASE("face model: facts are stored beside other metadata, and wrong ones are named") {
  FaceModelFacts facts{.name = "n", .source = "s", .licence = "l", .normals = NormalWeight::area, .scale = 0.1};
  facts.origin = {1, 2.5, -3};
  facts.expression_names = {"smile"};
  Parameters p;
  p.metadata()["g2face"] = R"({"architecture":{"name":"x"}})";
  facts.store(p);
  CHECK(FaceModelFacts::of(p) == facts);
  CHECK(p.metadata()["g2face"].find("architecture") != std::string::npos);
  CHECK(FaceModelFacts::of(Parameters{}) == FaceModelFacts{});
  const auto error = [&](const std::string& json) {
    p.metadata()["g2face"] = json;
    return test::message_of<CheckpointError>([&] { FaceModelFacts::of(p); });
  };
  CHECK(error("[1]") == "__metadata__[\"g2face\"] is not a JSON object");
  CHECK(error(R"({"face_model":3})") == "face model: metadata face_model is not a JSON object");
  CHECK(error(R"({"face_model":{"normals":"both"}})") ==
        "face model: metadata face_model.normals is \"both\", expected \"equal\" or \"area\"");
  CHECK(error(R"({"face_model":{"origin":[1,2]}})").find("expected a list of 3 numbers") != std::string::npos);
  CHECK(error(R"({"face_model":{"name":7}})").find("face_model.name is 7, expected text") != std::string::npos);
}

TEST_CASE("face model: derivatives of every function of it") {
  const FaceModel model = FaceModel::of(small_model());
  OpCheck(unary_op).ok({{2, 3}}, [](const auto& v) { return rotation_matrix(v[0]); });
  OpCheck(matmul_op).ok({{2, 5, 3}, {2, 3, 3}, {2, 3}},
                        [](const auto& v) { return rigid_transform(v[0], v[1], v[2]); });
  OpCheck(binary_op).ok({{2, 5, 3}}, [](const auto& v) { return project(to_camera(v[0])); });
  OpCheck(matmul_op).ok({{2, 4, 3}, {2, 27}}, [](const auto& v) { return sh_shading(v[0], v[1]); });
  OpCheck(vertex_normals_op).ok({{2, vertex_count, 3}}, [model](const auto& v) { return face_normals(model, v[0]); });
  OpCheck(gather_op).ok({{2, vertex_count, 2}}, [model](const auto& v) { return face_landmarks(model, v[0]); });
}

TEST_CASE("face model: shape and texture are linear, and their gradients adjoint") {
  Sheet s;
  const Value a = s.random({2, 4}), b = s.random({2, 4}), e = s.random({2, 3}), zero = affine(a, 0);
  const auto shape = [&](Value identity) { return face_shape(s.scope, s.model, identity, e); };
  CHECK(relative_error(s.run(shape(a + b * 3) + shape(zero) * 3), s.run(shape(a) + shape(b) * 3)) < 1e-12);
  const Value y = s.random({2, vertex_count, 3});
  const Value pulled = gradients(shape(a), {a}, y)[0];
  const double left = s.run(sum((shape(b) - shape(zero)) * y)).item(), right = s.run(sum(b * pulled)).item();
  CHECK(left == doctest::Approx(right).epsilon(1e-11));
  CHECK(std::abs(left) > 1e-3);
  const Value t = s.random({2, 2});
  const auto texture = [&](Value v) { return face_texture(s.scope, s.model, v); };
  CHECK(relative_error(s.run(texture(t * 2) + texture(affine(t, 0))), s.run(texture(t) * 2)) < 1e-12);
}

TEST_CASE("face model: some vertices are rows of all") {
  Sheet s;
  const Value identity = s.random({2, 4}), expression = s.random({2, 3});
  const Value some = face_shape_at(s.scope, s.model, identity, expression, s.model.landmarks);
  const Value all = face_landmarks(s.model, face_shape(s.scope, s.model, identity, expression));
  CHECK(some.shape() == Shape{2, 4, 3});
  CHECK(relative_error(s.run(some), s.run(all)) < 1e-12);
}

TEST_CASE("face model: without texture modes every face has the mean texture") {
  Sheet s(0);
  CHECK(s.model.texture == 0);
  const PosedFace face = posed_face(s.scope, s.model, s.random({2, 40}));
  CHECK(!face.coefficients.texture);
  const Tensor got = s.run(face.texture), mean = s.parameters.at("face_model/mean_texture");
  CHECK(got.shape() == Shape{2, vertex_count, 3});
  CHECK(relative_error(got, s.run(broadcast_to(s.graph.constant(mean), {2, vertex_count, 3}))) == 0);
  CHECK_THROWS_AS(face_texture(s.scope, s.model, {}), ShapeError);
}

TEST_CASE("face model: rotations keep lengths and handedness; about one axis they are the known ones") {
  Bench b;
  const Value r = rotation_matrix(b.random({4, 3}, -3, 3));
  const Tensor square = b.run(matmul(r, r, {.transpose_b = true})), m = b.run(r);
  for (std::size_t i = 0; i < 36; ++i) CHECK(square.as<double>()[i] == doctest::Approx(i % 9 % 4 == 0 ? 1 : 0));
  for (std::size_t n = 0; n < 4; ++n) {
    const auto a = m.as<double>().subspan(9 * n);
    CHECK(a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) +
              a[2] * (a[3] * a[7] - a[4] * a[6]) ==
          doctest::Approx(1));
  }
  // A quarter turn about z takes x to y, about x takes y to z, about y takes z to x.
  const double quarter = std::acos(0.);
  Tensor angles = Tensor::zeros(Type{DType::f64, {3, 3}});
  for (const std::size_t i : {2U, 3U, 7U}) angles.mutable_as<double>()[i] = quarter;
  const Value axes = b.feed(Tensor::from({3, 1, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}).to(DType::f64));
  const Tensor turned = b.run(matmul(axes, rotation_matrix(b.feed(angles))));
  const double want[] = {0, 1, 0, 0, 0, 1, 1, 0, 0};
  for (std::size_t i = 0; i < 9; ++i) CHECK(turned.as<double>()[i] == doctest::Approx(want[i]));
}

TEST_CASE("face model: the camera puts the origin into the centre, and y up") {
  Bench b;
  const auto pixels = [&](std::initializer_list<float> xyz) {
    const Tensor t = b.run(project(to_camera(b.feed(Tensor::from({1, 1, 3}, xyz).to(DType::f64)))));
    return std::array{t.as<double>()[0], t.as<double>()[1]};
  };
  CHECK(pixels({0, 0, 0}) == std::array{112., 112.});
  CHECK(pixels({1, 0, 0})[0] == doctest::Approx(213.5));
  CHECK(pixels({0, 0.5, 5})[1] == doctest::Approx(213.5));  // half as far away
  CHECK(pixels({1, 0, 20})[0] == doctest::Approx(10.5));    // behind the camera: mirrored
  CHECK(std::isinf(pixels({1, 0, 10})[0]));
}

TEST_CASE("face model: light without direction is the same on all normals; a turned face is lit otherwise") {
  Bench b;
  Tensor gamma = Tensor::zeros(Type{DType::f64, {1, 27}});
  gamma.mutable_as<double>()[9] = 0.2;  // green
  const Value n = b.random({1, 5, 3});
  const Value normals = n * rsqrt(sum(square(n), {.axes = {2}, .keep_dims = true}));
  const Tensor flat = b.run(sh_shading(normals, b.feed(gamma)));
  const double unit = std::sqrt(std::acos(-1.)) / 2;  // pi / sqrt(4 pi)
  for (std::size_t i = 0; i < 15; ++i) CHECK(flat.as<double>()[i] == doctest::Approx(i % 3 == 1 ? unit : 0.8 * unit));
  gamma.mutable_as<double>()[2] = 1;  // red light from the front
  const Tensor front = b.run(sh_shading(normals, b.feed(gamma))), direction = b.run(normals);
  for (std::size_t v = 0; v < 5; ++v) {
    CHECK(front.as<double>()[3 * v] - 0.8 * unit ==
          doctest::Approx(std::sqrt(std::acos(-1.)) * direction.as<double>()[3 * v + 2]));
  }
  // The nine functions are what each number of gamma adds.
  const Value some = b.random({1, 27}), none = affine(some, 0);
  const Value added = matmul(sh_basis(normals), reshape(slice_axis(some, 1, 18, 9), {1, 9, 1}));
  const Value blue = slice_axis(sh_shading(normals, some) - sh_shading(normals, none), 2, 2, 1);
  CHECK(relative_error(b.run(added), b.run(blue)) < 1e-12);
}

TEST_CASE("face model: a posed face is made of its parts") {
  Sheet s;
  const Value all = s.random({2, 42});
  const FaceCamera camera{.focal = 700, .centre_x = 128, .centre_y = 100, .distance = 12};
  const PosedFace face = posed_face(s.scope, s.model, all, camera);
  const FaceCoefficients c = split_coefficients(s.model, all);
  const Value rotation = rotation_matrix(c.angles);
  const Value placed = to_camera(rigid_transform(face.shape, rotation, c.translation), camera);
  CHECK(relative_error(s.run(face.camera), s.run(placed)) < 1e-12);
  CHECK(relative_error(s.run(face.landmarks), s.run(face_landmarks(s.model, project(placed, camera)))) < 1e-12);
  const Value normals = rigid_transform(face_normals(s.model, face.shape), rotation);
  CHECK(relative_error(s.run(face.colour), s.run(face.texture * sh_shading(normals, c.gamma))) < 1e-12);
  // Normals are those of the turned face.
  CHECK(relative_error(s.run(normals), s.run(face_normals(s.model, rigid_transform(face.shape, rotation)))) < 1e-6);
}
