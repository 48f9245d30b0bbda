// Plain: a thread follows the surfaces of one pixel; a warp sums the pixels around the edges of one triangle.

#include "kernels/cuda/corner_sums.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/silhouette_walk.hpp"

namespace g2face {
namespace {

using Surface = raster::Surface<float>;

struct Problem {
  std::int64_t samples, vertices, faces, height, width;
  __host__ __device__ std::int64_t pixels() const { return height * width; }
};

Problem problem(const Signature& s, const Shape& distances) {
  const Shape& vertices = s.in[0].type.shape;
  return {vertices[0], vertices[1], s.in[1].type.shape[0], distances[2], distances[3]};
}

__global__ void silhouettes_kernel(const float* vertices, const std::int32_t* triangles, const std::int32_t* neighbours,
                                   const std::int32_t* ids, float* distances, std::int32_t* edges, Problem p) {
  for (std::int64_t i = cuda::thread_index(); i < p.samples * p.pixels(); i += cuda::thread_count()) {
    const std::int64_t n = i / p.pixels(), at = i % p.pixels();
    const Surface surface{{triangles, p.faces, p.vertices}, neighbours, vertices + n * p.vertices * 3};
    const std::int32_t* own = ids + n * p.pixels();
    raster::End end[raster::directions];
    surface.ends([&](std::int64_t x, std::int64_t y) { return static_cast<std::int64_t>(own[y * p.width + x]); },
                 p.height, p.width, at % p.width, at / p.width, end);
    for (int d = 0; d < raster::directions; ++d) {
      const std::int64_t to = (n * raster::directions + d) * p.pixels() + at;
      distances[to] = static_cast<float>(end[d].distance);
      edges[to] = end[d].edge;
    }
  }
}

/// The pixels whose centres are within a pixel of this range.
__device__ void around(double low, double high, std::int64_t size, std::int32_t& first, std::int32_t& last) {
  const auto limit = static_cast<double>(size);
  const double from = floor((low < high ? low : high) - 1.5), to = ceil((low < high ? high : low) + 1.5);
  first = static_cast<std::int32_t>(from > 0 ? (from < limit ? from : limit) : 0);
  last = static_cast<std::int32_t>(to > 0 ? (to < limit ? to : limit) : 0);
}

__global__ void silhouettes_grad_kernel(const float* vertices, const std::int32_t* triangles, const std::int32_t* edges,
                                        const float* g, float* partial, Problem p) {
  for (std::int64_t i = cuda::warp_index(); i < p.samples * p.faces; i += cuda::warp_count()) {
    const std::int64_t n = i / p.faces, f = i % p.faces;
    const Surface surface{{triangles, p.faces, p.vertices}, nullptr, vertices + n * p.vertices * 3};
    double sums[9] = {};
    std::int32_t v[3];
    if (surface.faces.corners(f, v)) {
      for (int k = 0; k < 3; ++k) {
        const std::int32_t a = v[(k + 1) % 3], b = v[(k + 2) % 3];
        raster::Box box{};
        around(surface.at(a, 0), surface.at(b, 0), p.width, box.left, box.right);
        around(surface.at(a, 1), surface.at(b, 1), p.height, box.top, box.bottom);
        const auto edge = static_cast<std::int32_t>(3 * f + k);
        cuda::for_each_pixel_of_lane(box, p.width, [&](std::int64_t at, std::int64_t column, std::int64_t row) {
          for (int d = 0; d < raster::directions; ++d) {
            const std::int64_t from = (n * raster::directions + d) * p.pixels() + at;
            if (edges[from] == edge) surface.add_gradient(edge, column, row, d, g[from], sums);
          }
        });
      }
    }
    for (int k = 0; k < 9; ++k) {
      const double sum = cuda::warp_sum(sums[k]);
      if (threadIdx.x % cuda::warp_size == 0) partial[i * 9 + k] = static_cast<float>(sum);
    }
  }
}

}  // namespace

std::optional<Step> silhouettes_cuda(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  Step step;
  step.kernel = "silhouettes cuda";
  step.run = [p = problem(s, s.out[0].type.shape)](const Buffers& b, Stream& stream) {
    if (p.samples * p.pixels() == 0) return;
    cuda::launch(silhouettes_kernel, cuda::blocks_for(p.samples * p.pixels()), cuda::threads_per_block, 0,
                 cuda::stream_of(stream), b.get<float>(0), b.get<std::int32_t>(1), b.get<std::int32_t>(2),
                 b.get<std::int32_t>(4), b.out_as<float>(0), b.out_as<std::int32_t>(1), p);
  };
  return step;
}

std::optional<Step> silhouettes_grad_cuda(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Problem p = problem(s, s.in[4].type.shape);
  Step step;
  step.kernel = "silhouettes_grad cuda";
  step.workspace = static_cast<std::size_t>(p.samples * p.faces * 9) * sizeof(float);
  step.run = [p](const Buffers& b, Stream& stream) {
    const cudaStream_t queue = cuda::stream_of(stream);
    auto* const partial = static_cast<float*>(b.workspace);
    if (p.samples * p.faces > 0) {
      cuda::launch(silhouettes_grad_kernel, cuda::blocks_for(p.samples * p.faces * cuda::warp_size),
                   cuda::threads_per_block, 0, queue, b.get<float>(0), b.get<std::int32_t>(1), b.get<std::int32_t>(3),
                   b.get<float>(4), partial, p);
    }
    cuda::launch_corner_sums(queue, partial, b.get<std::int32_t>(2), b.out_as<float>(), p.samples, p.vertices, p.faces,
                             3);
  };
  return step;
}

}  // namespace g2face
