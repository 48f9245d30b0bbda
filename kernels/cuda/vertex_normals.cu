// Vertex normals in one pass.
//
// One thread for each vertex of each sample computes the normals of its triangles again, about three times as many as
// there are: that costs less than writing triangle normals to memory and reading them back. Reads per vertex: D entries
// of the table, and for each triangle three indices and three vertices, most of which its neighbours have just read.

#include "g2face/ops/vertex_normals.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

struct MeshSize {
  std::int64_t samples, vertices, triangles, neighbours;
  bool unit_triangles;
  float eps_squared;
};

struct Vector {
  float x, y, z;
};

__device__ Vector vertex(const float* x, std::int32_t i, const MeshSize& m) {
  if (i < 0 || i >= m.vertices) return {0.f, 0.f, 0.f};
  const float* p = x + std::int64_t{3} * i;
  return {p[0], p[1], p[2]};
}

__device__ Vector unit(Vector a, const MeshSize& m) {
  const float squared = a.x * a.x + a.y * a.y + a.z * a.z;
  const float scale = squared >= m.eps_squared ? 1.f / sqrtf(squared) : 0.f;
  return {a.x * scale, a.y * scale, a.z * scale};
}

__device__ Vector triangle_normal(const float* x, const std::int32_t* corners, std::int32_t f, const MeshSize& m) {
  const Vector p = vertex(x, corners[f], m), q = vertex(x, corners[m.triangles + f], m),
               r = vertex(x, corners[2 * m.triangles + f], m);
  const Vector a{p.x - q.x, p.y - q.y, p.z - q.z}, b{q.x - r.x, q.y - r.y, q.z - r.z};
  const Vector n{a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
  return m.unit_triangles ? unit(n, m) : n;
}

__global__ void vertex_normals_kernel(const float* x, const std::int32_t* corners, const std::int32_t* table, float* y,
                                      MeshSize m) {
  const std::int64_t n = m.samples * m.vertices;
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    const float* sample = x + i / m.vertices * m.vertices * 3;
    const std::int32_t* row = table + i % m.vertices * m.neighbours;
    Vector total{0.f, 0.f, 0.f};
    for (std::int64_t d = 0; d < m.neighbours; ++d) {
      const std::int32_t f = row[d];
      if (f < 0 || f >= m.triangles) continue;
      const Vector t = triangle_normal(sample, corners, f, m);
      total = {total.x + t.x, total.y + t.y, total.z + t.z};
    }
    total = unit(total, m);
    y[3 * i] = total.x;
    y[3 * i + 1] = total.y;
    y[3 * i + 2] = total.z;
  }
}

}  // namespace

std::optional<Step> vertex_normals_cuda(const VertexNormalsAttrs& a, const Signature& s) {
  const Shape& x = s.in[0].type.shape;
  if (s.in[0].type.dtype != DType::f32) return std::nullopt;
  const MeshSize mesh{x[0],
                      x[1],
                      s.in[4].type.shape[0],
                      s.in[3].type.shape[1],
                      a.weight == NormalWeight::equal,
                      static_cast<float>(a.eps * a.eps)};
  Step step;
  step.kernel = "vertex_normals cuda";
  step.run = [mesh](const Buffers& b, Stream& stream) {
    const std::int64_t n = mesh.samples * mesh.vertices;
    if (n == 0) return;
    cuda::launch(vertex_normals_kernel, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 b.get<float>(0), b.get<std::int32_t>(1), b.get<std::int32_t>(3), b.out_as<float>(), mesh);
  };
  return step;
}

}  // namespace g2face
