// Two passes: the normals of all triangles into the workspace, then their sums. Triangle normals are stored with their
// coordinates together, four floats each, which makes one cache line of what a vertex reads of a triangle.

#include "g2face/ops/vertex_normals.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

constexpr std::int64_t stride = 4;

struct Vector {
  float x = 0, y = 0, z = 0;
};

Vector operator-(const Vector& a, const Vector& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }

Vector cross(const Vector& a, const Vector& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

Vector unit(const Vector& a, float eps_squared) {
  const float squared = a.x * a.x + a.y * a.y + a.z * a.z;
  const float scale = squared >= eps_squared ? 1.f / std::sqrt(squared) : 0.f;
  return {a.x * scale, a.y * scale, a.z * scale};
}

struct MeshSize {
  std::int64_t samples = 0, vertices = 0, triangles = 0, neighbours = 0;
  bool unit_triangles = true;
  float eps_squared = 0;
};

Vector vertex(const float* x, std::int32_t i, std::int64_t vertices) {
  if (i < 0 || i >= vertices) return {};
  const float* p = x + std::int64_t{3} * i;
  return {p[0], p[1], p[2]};
}

void triangle_normals(const MeshSize& m, const float* x, const std::int32_t* corners, float* out, std::int64_t begin,
                      std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float* sample = x + i / m.triangles * m.vertices * 3;
    const std::int32_t* corner = corners + i % m.triangles;
    const Vector p = vertex(sample, corner[m.triangles], m.vertices);
    Vector n =
        cross(vertex(sample, corner[0], m.vertices) - p, p - vertex(sample, corner[2 * m.triangles], m.vertices));
    if (m.unit_triangles) n = unit(n, m.eps_squared);
    float* to = out + i * stride;
    to[0] = n.x, to[1] = n.y, to[2] = n.z, to[3] = 0;
  }
}

void add_up(const MeshSize& m, const float* normals, const std::int32_t* table, float* y, std::int64_t begin,
            std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float* sample = normals + i / m.vertices * m.triangles * stride;
    const std::int32_t* row = table + i % m.vertices * m.neighbours;
    Vector total;
    for (std::int64_t d = 0; d < m.neighbours; ++d) {
      if (row[d] < 0 || row[d] >= m.triangles) continue;
      const float* n = sample + row[d] * stride;
      total.x += n[0], total.y += n[1], total.z += n[2];
    }
    total = unit(total, m.eps_squared);
    y[3 * i] = total.x, y[3 * i + 1] = total.y, y[3 * i + 2] = total.z;
  }
}

}  // namespace

MaybeStep vertex_normals_cpu(const VertexNormalsAttrs& a, const Signature& s) {
  const Shape& x = s.in[0].type.shape;
  if (s.in[0].type.dtype != DType::f32) return std::nullopt;
  const MeshSize mesh{x[0],
                      x[1],
                      s.in[4].type.shape[0],
                      s.in[3].type.shape[1],
                      a.weight == NormalWeight::equal,
                      static_cast<float>(a.eps * a.eps)};
  Step step;
  step.kernel = "vertex_normals two passes";
  step.workspace = static_cast<std::size_t>(mesh.samples * mesh.triangles * stride) * sizeof(float);
  step.run = [mesh, threads = s.threads](const Buffers& b, Stream&) {
    constexpr std::int64_t grain = 1 << 10;
    auto* normals = static_cast<float*>(b.workspace);
    cpu::parallel_for(threads, mesh.samples * mesh.triangles, grain, [&](std::int64_t begin, std::int64_t end) {
      triangle_normals(mesh, b.get<float>(0), b.get<std::int32_t>(1), normals, begin, end);
    });
    cpu::parallel_for(threads, mesh.samples * mesh.vertices, grain, [&](std::int64_t begin, std::int64_t end) {
      add_up(mesh, normals, b.get<std::int32_t>(3), b.out_as<float>(), begin, end);
    });
  };
  return step;
}

}  // namespace g2face
