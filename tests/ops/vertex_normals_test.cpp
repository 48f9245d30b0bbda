#include "g2face/ops/vertex_normals.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "mesh.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

How normals(const MeshTables& mesh, NormalWeight weight = NormalWeight::equal) {
  return [mesh, weight](const std::vector<Value>& v) { return vertex_normals(v[0], mesh, {.weight = weight}); };
}

/// A fan around vertex 0: no two triangles lie in one plane.
const Tensor fan = table({0, 1, 2, 0, 2, 3, 0, 3, 4, 0, 4, 1});

}  // namespace

TEST_CASE("vertex_normals: forward and gradients") {
  const OpCheck c(vertex_normals_op);
  c.ok({{2, 5, 3}}, normals(mesh_tables(fan, 5)));
  c.ok({{1, 5, 3}}, normals(mesh_tables(fan, 5), NormalWeight::area));
  c.ok({{3, 30, 3}}, normals(mesh_tables(grid_triangles(5, 6), 30)));
  // A table of neighbours of its own: not all, one twice, padding in between.
  Tensor neighbours(Type{DType::i32, {5, 3}});
  const std::int32_t entries[] = {0, 4, 2, 3, 0, 4, 1, 1, 0, 4, 4, 2, 3, 2, 1};
  std::copy(std::begin(entries), std::end(entries), neighbours.mutable_as<std::int32_t>().begin());
  c.ok({{2, 5, 3}}, normals(mesh_tables(fan, 5, neighbours)));
}

TEST_CASE("vertex_normals: a flat mesh, counter-clockwise, looks to the viewer") {
  const Tensor square = Tensor::from({1, 4, 3}, {0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1});
  const Tensor triangles = table({0, 1, 2, 0, 2, 3});
  const OpCheck c(vertex_normals_op);
  const Tensor up = Tensor::from({1, 4, 3}, {0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1});
  c.gives({square}, normals(mesh_tables(triangles, 4)), up);
  c.gives({square}, normals(mesh_tables(triangles, 4), NormalWeight::area), up);
}

TEST_CASE("vertex_normals: weights by area, or equal") {
  // At vertex 0 a triangle in the plane z = 0 meets one of three times its size in the plane x = 0.
  const Tensor x = Tensor::from({1, 4, 3}, {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3});
  const Tensor triangles = table({0, 1, 2, 0, 2, 3});
  const auto at_first = [&](NormalWeight weight) {
    Bench b;
    const Tensor y = b.run(vertex_normals(b.feed(x), mesh_tables(triangles, 4), {.weight = weight}));
    return std::array{y.as<double>()[0], y.as<double>()[1], y.as<double>()[2]};
  };
  const auto equal = at_first(NormalWeight::equal), area = at_first(NormalWeight::area);
  CHECK(equal[0] == doctest::Approx(std::sqrt(0.5)));
  CHECK(equal[2] == doctest::Approx(std::sqrt(0.5)));
  CHECK(area[0] == doctest::Approx(3 / std::sqrt(10.)));
  CHECK(area[2] == doctest::Approx(1 / std::sqrt(10.)));
}

TEST_CASE(
    "vertex_normals: triangles without area and vertices without triangles give zeros, and gradients are finite") {
  const Tensor x = Tensor::from({1, 5, 3}, {0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 7, 7, 7});
  const MeshTables mesh = mesh_tables(table({0, 1, 2, 0, 1, 1, 0, 1, 3}), 5);
  const OpCheck c(vertex_normals_op);
  c.gives({x}, normals(mesh), Tensor::from({1, 5, 3}, {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
  Bench b;
  const Value v = b.feed(x.to(DType::f64));
  const Tensor g = b.run(gradients(sum(square(vertex_normals(v, mesh)) * b.random({1, 5, 3})), {v})[0]);
  for (const double d : g.as<double>()) CHECK(std::isfinite(d));
}

TEST_CASE("vertex_normals: moving a mesh changes nothing, turning it turns them, and they have length 1") {
  Bench b;
  const MeshTables mesh = mesh_tables(grid_triangles(6, 5), 30);
  const Value x = b.random({1, 30, 3});
  const Tensor y = b.run(vertex_normals(x, mesh));
  CHECK(relative_error(b.run(vertex_normals(x + 3.5, mesh)), y) < 1e-12);
  CHECK(relative_error(b.run(vertex_normals(x * 4, mesh)), y) < 1e-12);
  const Value turn = b.feed(Tensor::from({1, 3, 3}, {0, 1, 0, 0, 0, 1, 1, 0, 0}).to(DType::f64));  // about (1,1,1)
  CHECK(relative_error(b.run(vertex_normals(matmul(x, turn), mesh)), b.run(matmul(b.feed(y), turn))) < 1e-12);
  const Tensor lengths = b.run(sum(square(b.feed(y)), {.axes = {2}}));
  for (const double s : lengths.as<double>()) CHECK(s == doctest::Approx(1));
}

TEST_CASE("vertex_normals: settings tell apart what differs") {
  CHECK(VertexNormalsAttrs{}.str() != VertexNormalsAttrs{.weight = NormalWeight::area}.str());
  CHECK(VertexNormalsAttrs{}.str() != VertexNormalsAttrs{.eps = 1e-11}.str());
}

TEST_CASE("vertex_normals: rules") {
  const OpCheck c(vertex_normals_op, VertexNormalsAttrs{});
  const auto i32 = [](std::initializer_list<std::int64_t> dims) { return CheckInput{Shape(dims), {0, 4}, DType::i32}; };
  c.fails("R1", {{5, 3}, i32({12, 1}), i32({5, 4}), i32({5, 4}), i32({4, 3})}, "x f32[5,3] must be a floating [N,V,3]");
  c.fails("R1", {{1, 5, 2}, i32({12, 1}), i32({5, 4}), i32({5, 4}), i32({4, 3})}, "x f32[1,5,2]");
  c.fails("R2", {{1, 5, 3}, {12, 1}, i32({5, 4}), i32({5, 4}), i32({4, 3})}, "corners f32[12,1] must be i32 of rank 2");
  c.fails("R2", {{1, 5, 3}, i32({13, 1}), i32({5, 4}), i32({5, 4}), i32({4, 3})}, "corners [13,1] must be [3F,1]");
  c.fails("R3", {{1, 5, 3}, i32({12, 1}), i32({6, 4}), i32({5, 4}), i32({4, 3})},
          "vertex_corners [6,4] must have 5 rows");
  c.fails("R3", {{1, 5, 3}, i32({12, 1}), i32({5, 4}), i32({4, 4}), i32({4, 3})}, "vertex_triangles [4,4] must have 5");
  c.fails("R3", {{1, 5, 3}, i32({12, 1}), i32({5, 4}), i32({5, 4}), i32({5, 3})},
          "triangle_vertices [5,3] must have 4");
}

TEST_CASE("mesh_tables: what is no mesh") {
  const auto refuses = [](const Tensor& triangles, const Tensor& neighbours, const std::string& text) {
    try {
      mesh_tables(triangles, 4, neighbours);
      FAIL_CHECK("accepted: " << text);
    } catch (const ShapeError& e) {
      CHECK_MESSAGE(std::string(e.what()).find(text) != std::string::npos, e.what());
    }
  };
  refuses(Tensor::from({1, 3}, {0, 1, 2}), {}, "triangles f32[1,3] must be i32 [F,3]");
  refuses(table({0, 1, 4}), {}, "triangles holds 4, expected 0..3");
  refuses(table({0, 1, -1}), {}, "triangles holds -1");
  refuses(table({0, 1, 2}), table({0, 1, 1}), "vertex_triangles i32[1,3] must be i32 [4,D]");
  refuses(table({0, 1, 2}), Tensor::full(Type{DType::i32, {4, 2}}, 2), "vertex_triangles holds 2, expected 0..1");
}
