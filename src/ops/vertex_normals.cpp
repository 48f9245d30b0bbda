#include "g2face/ops/vertex_normals.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/gather_sum.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/transpose.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

constexpr std::array<std::string_view, 5> names = {"x", "corners", "vertex_corners", "vertex_triangles",
                                                   "triangle_vertices"};

Types infer(const VertexNormalsAttrs&, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  check<ShapeError>(is_float(in[0].dtype) && x.rank() == 3 && x[2] == 3, "x ", in[0].str(),
                    " must be a floating [N,V,3] (R1)");
  for (std::size_t i = 1; i < names.size(); ++i) {
    check<ShapeError>(in[i].dtype == DType::i32 && in[i].shape.rank() == 2, names[i], " ", in[i].str(),
                      " must be i32 of rank 2 (R2)");
  }
  const Shape& corners = in[1].shape;
  check<ShapeError>(corners[0] % 3 == 0 && corners[1] == 1, "corners ", corners, " must be [3F,1] (R2)");
  for (const std::size_t i : {2U, 3U, 4U}) {
    const std::int64_t rows = i < 4 ? x[1] : corners[0] / 3;
    check<ShapeError>(in[i].shape[0] == rows, names[i], " ", in[i].shape, " must have ", rows, " rows (R3)");
  }
  return {in[0]};
}

/// x, y and z of vectors, each [N,1,M].
using Vectors = std::array<Value, 3>;

Vectors components(Value planes) {
  return {slice_axis(planes, 1, 0, 1), slice_axis(planes, 1, 1, 1), slice_axis(planes, 1, 2, 1)};
}

Vectors cross(const Vectors& a, const Vectors& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

Vectors unit(const Vectors& a, double eps) {
  const Value squared = square(a[0]) + square(a[1]) + square(a[2]);
  constexpr double most = std::numeric_limits<float>::max();
  const Value scale = rsqrt(clamp(squared, eps * eps, most)) * inside(squared, eps * eps, most);
  return {a[0] * scale, a[1] * scale, a[2] * scale};
}

// Coordinates are the second axis here, so that everything elementwise is long and contiguous.
std::vector<Value> formula(Graph&, std::span<const Value> in, const VertexNormalsAttrs& a) {
  const std::int64_t triangles = in[1].shape()[0] / 3;
  const Value corners = gather_sum(transpose(in[0], {0, 2, 1}), in[1], in[2]);
  std::array<Vectors, 3> p;
  for (std::size_t k = 0; k < 3; ++k) {
    p[k] = components(slice_axis(corners, 2, static_cast<std::int64_t>(k) * triangles, triangles));
  }
  const auto minus = [](const Vectors& u, const Vectors& v) { return Vectors{u[0] - v[0], u[1] - v[1], u[2] - v[2]}; };
  Vectors normals = cross(minus(p[0], p[1]), minus(p[1], p[2]));
  if (a.weight == NormalWeight::equal) normals = unit(normals, a.eps);
  const Vectors sums = components(gather_sum(concat(normals, 1), in[3], in[4]));
  return {transpose(concat(unit(sums, a.eps), 1), {0, 2, 1})};
}

void check_entries(const Tensor& table, std::int64_t end, std::string_view name) {
  for (const std::int32_t i : table.as<std::int32_t>()) {
    check<ShapeError>(i >= 0 && i < end, "mesh_tables: ", name, " holds ", i, ", expected 0..", end - 1);
  }
}

}  // namespace

std::string VertexNormalsAttrs::str() const {
  return g2face::str(weight == NormalWeight::equal ? "equal" : "area", ", eps ", exact(eps));
}

MeshTables mesh_tables(const Tensor& triangles, std::int64_t vertices, const Tensor& vertex_triangles) {
  const auto is_table = [](const Tensor& t) { return t.dtype() == DType::i32 && t.shape().rank() == 2; };
  check<ShapeError>(is_table(triangles) && triangles.shape()[1] == 3, "mesh_tables: triangles ", triangles.type().str(),
                    " must be i32 [F,3]");
  check_entries(triangles, vertices, "triangles");
  const std::int64_t count = triangles.shape()[0];
  MeshTables mesh;
  mesh.corners = Tensor(Type{DType::i32, {3 * count, 1}});
  const auto from = triangles.as<std::int32_t>();
  const auto to = mesh.corners.mutable_as<std::int32_t>();
  for (std::int64_t f = 0; f < count; ++f) {
    for (std::int64_t k = 0; k < 3; ++k)
      to[static_cast<std::size_t>(k * count + f)] = from[static_cast<std::size_t>(3 * f + k)];
  }
  mesh.vertex_corners = inverse_table(mesh.corners, vertices);
  if (vertex_triangles) {
    check<ShapeError>(is_table(vertex_triangles) && vertex_triangles.shape()[0] == vertices,
                      "mesh_tables: vertex_triangles ", vertex_triangles.type().str(), " must be i32 [", vertices,
                      ",D]");
    check_entries(vertex_triangles, count + 1, "vertex_triangles");
    mesh.vertex_triangles = vertex_triangles;
  } else {
    mesh.vertex_triangles = inverse_table(triangles, vertices);
  }
  mesh.triangle_vertices = inverse_table(mesh.vertex_triangles, count);
  return mesh;
}

Value vertex_normals(Value x, const MeshTables& mesh, const VertexNormalsAttrs& attrs) {
  Graph& g = *x.graph;
  return g.add(vertex_normals_op,
               {x, g.constant(mesh.corners), g.constant(mesh.vertex_corners), g.constant(mesh.vertex_triangles),
                g.constant(mesh.triangle_vertices)},
               attrs);
}

const OpDef vertex_normals_op = define_fused_op<VertexNormalsAttrs, infer, formula>("vertex_normals")
                                    .with_cpu<VertexNormalsAttrs, vertex_normals_cpu>()
                                    .with_cuda<VertexNormalsAttrs, vertex_normals_cuda>();

}  // namespace g2face
