// A block draws a tile of 16 by 16 pixels, a thread for each. It looks at the boxes of all triangles, 256 at a time,
// keeps those that meet the tile, and each thread compares them with its pixel. The nearest triangle wins and of equals
// the first, whatever the order.

#include "kernels/cuda/corner_sums.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face {
namespace {

using raster::Box;
using raster::Corner;
using raster::Faces;

constexpr std::int32_t tile = 16;
constexpr unsigned tile_threads = tile * tile;

__device__ Corner corner_of(const float* vertices, std::int32_t v, double near) {
  return raster::snap(vertices + 3 * static_cast<std::int64_t>(v), near);
}

struct Problem {
  std::int64_t samples;
  std::int32_t height, width;
  Facing facing;
  double near;
};

__global__ void boxes_kernel(const float* vertices, Faces faces, Box* boxes, Problem p) {
  for (std::int64_t i = cuda::thread_index(); i < p.samples * faces.count; i += cuda::thread_count()) {
    const float* own = vertices + i / faces.count * faces.vertices * 3;
    std::int32_t v[3];
    Box box{0, 0, 0, 0};
    if (faces.corners(i % faces.count, v)) {
      box = raster::box_of(corner_of(own, v[0], p.near), corner_of(own, v[1], p.near), corner_of(own, v[2], p.near),
                           p.facing, p.height, p.width);
    }
    boxes[i] = box;
  }
}

struct Candidate {
  raster::Triangle triangle;
  std::int32_t id;
};

__global__ void tiles_kernel(const float* vertices, Faces faces, const Box* boxes, std::int32_t* ids, Problem p) {
  auto* const candidates = cuda::shared_memory<Candidate>();
  auto* const counts = reinterpret_cast<unsigned*>(candidates + tile_threads);  // of each warp
  const std::int64_t n = blockIdx.z;
  const float* const own_vertices = vertices + n * faces.vertices * 3;
  const auto left = static_cast<std::int32_t>(blockIdx.x) * tile, top = static_cast<std::int32_t>(blockIdx.y) * tile;
  const auto thread = static_cast<std::int32_t>(threadIdx.x);
  const std::int32_t column = left + thread % tile, row = top + thread / tile;
  const unsigned lane = threadIdx.x % cuda::warp_size, warp = threadIdx.x / cuda::warp_size;
  double nearest = 0;
  std::int32_t id = -1;
  for (std::int64_t first = 0; first < faces.count; first += tile_threads) {
    const std::int64_t f = first + threadIdx.x;
    Box box{0, 0, 0, 0};
    if (f < faces.count) box = boxes[n * faces.count + f];
    const bool meets =
        !box.empty() && box.left < left + tile && box.right > left && box.top < top + tile && box.bottom > top;
    if (__syncthreads_or(meets ? 1 : 0) == 0) continue;
    const std::uint32_t votes = __ballot_sync(0xffffffffu, meets ? 1 : 0);
    if (lane == 0) counts[warp] = static_cast<unsigned>(__popc(votes));
    __syncthreads();
    unsigned place = static_cast<unsigned>(__popc(votes & ((1u << lane) - 1u))), count = 0;
    for (unsigned w = 0; w < tile_threads / cuda::warp_size; ++w) {
      if (w < warp) place += counts[w];
      count += counts[w];
    }
    if (meets) {
      std::int32_t v[3];
      faces.corners(f, v);
      candidates[place] = {
          raster::Triangle::of(corner_of(own_vertices, v[0], p.near), corner_of(own_vertices, v[1], p.near),
                               corner_of(own_vertices, v[2], p.near)),
          static_cast<std::int32_t>(f)};
    }
    __syncthreads();
    for (unsigned i = 0; i < count; ++i) {
      const raster::Triangle& t = candidates[i].triangle;
      const std::int64_t e0 = t.edge(0, column, row), e1 = t.edge(1, column, row), e2 = t.edge(2, column, row);
      if (e0 < t.least_inside(0) || e1 < t.least_inside(1) || e2 < t.least_inside(2)) continue;
      const double inverse_depth = t.inverse_depth(e0, e1, e2);
      if (inverse_depth > nearest) {
        nearest = inverse_depth;
        id = candidates[i].id;
      }
    }
    __syncthreads();
  }
  if (column < p.width && row < p.height) {
    ids[(n * p.height + row) * p.width + column] = id;
  }
}

struct Shapes {
  std::int64_t samples, vertices, faces, height, width;
  __host__ __device__ std::int64_t pixels() const { return height * width; }
};

Shapes shapes_of(const Signature& s) {
  const Shape &vertices = s.in[0].type.shape, &ids = s.in[3].type.shape;
  return {vertices[0], vertices[1], s.in[1].type.shape[0], ids[1], ids[2]};
}

__global__ void barycentrics_kernel(const float* vertices, Faces faces, const std::int32_t* ids, float* weights,
                                    Shapes p) {
  for (std::int64_t i = cuda::thread_index(); i < p.samples * p.pixels(); i += cuda::thread_count()) {
    const std::int64_t n = i / p.pixels(), at = i % p.pixels();
    double b[3] = {0, 0, 0};
    std::int32_t v[3];
    if (faces.corners(ids[i], v)) {
      raster::Seen::of(vertices + n * p.vertices * 3, v, at % p.width, at / p.width).weights(b);
    }
    for (int k = 0; k < 3; ++k) weights[(n * 3 + k) * p.pixels() + at] = static_cast<float>(b[k]);
  }
}

// A warp for each triangle of each sample.
__global__ void barycentrics_grad_kernel(const float* vertices, Faces faces, const std::int32_t* ids, const Box* boxes,
                                         const float* g, float* partial, Shapes p) {
  for (std::int64_t i = cuda::warp_index(); i < p.samples * p.faces; i += cuda::warp_count()) {
    const std::int64_t n = i / p.faces, f = i % p.faces;
    double sums[9] = {};
    std::int32_t v[3];
    if (faces.corners(f, v)) {
      cuda::for_each_pixel_of_lane(boxes[i], p.width, [&](std::int64_t at, std::int64_t column, std::int64_t row) {
        if (ids[n * p.pixels() + at] != f) return;
        double own[3];
        for (int k = 0; k < 3; ++k) own[k] = g[(n * 3 + k) * p.pixels() + at];
        raster::Seen::of(vertices + n * p.vertices * 3, v, column, row).add_gradient(own, sums);
      });
    }
    for (int k = 0; k < 9; ++k) {
      const double sum = cuda::warp_sum(sums[k]);
      if (threadIdx.x % cuda::warp_size == 0) partial[i * 9 + k] = static_cast<float>(sum);
    }
  }
}

}  // namespace

std::optional<Step> rasterize_cuda(const RasterizeAttrs& a, const Signature& s) {
  constexpr std::int64_t most_samples = 65535;  // of a grid
  if (!raster::is_plain(s) || s.in[0].type.shape[0] > most_samples) return std::nullopt;
  const Problem p{s.in[0].type.shape[0], static_cast<std::int32_t>(a.height), static_cast<std::int32_t>(a.width),
                  a.facing, a.near};
  Step step;
  step.kernel = "rasterize cuda:tiles";
  step.run = [p, vertices = s.in[0].type.shape[1], triangles = s.in[1].type.shape[0]](const Buffers& b,
                                                                                      Stream& stream) {
    if (p.samples == 0) return;
    const Faces faces{b.get<std::int32_t>(1), triangles, vertices};
    const cudaStream_t queue = cuda::stream_of(stream);
    if (triangles > 0) {
      cuda::launch(boxes_kernel, cuda::blocks_for(p.samples * triangles), cuda::threads_per_block, 0, queue,
                   b.get<float>(0), faces, b.out_as<Box>(1), p);
    }
    const dim3 grid{static_cast<unsigned>((p.width + tile - 1) / tile),
                    static_cast<unsigned>((p.height + tile - 1) / tile), static_cast<unsigned>(p.samples)};
    constexpr std::size_t shared = tile_threads * sizeof(Candidate) + tile_threads / cuda::warp_size * sizeof(unsigned);
    cuda::launch(tiles_kernel, grid, tile_threads, shared, queue, b.get<float>(0), faces, b.out_as<Box>(1),
                 b.out_as<std::int32_t>(0), p);
  };
  return step;
}

std::optional<Step> barycentrics_cuda(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  Step step;
  step.kernel = "barycentrics cuda";
  step.run = [p = shapes_of(s)](const Buffers& b, Stream& stream) {
    if (p.samples * p.pixels() == 0) return;
    cuda::launch(barycentrics_kernel, cuda::blocks_for(p.samples * p.pixels()), cuda::threads_per_block, 0,
                 cuda::stream_of(stream), b.get<float>(0), Faces{b.get<std::int32_t>(1), p.faces, p.vertices},
                 b.get<std::int32_t>(3), b.out_as<float>(), p);
  };
  return step;
}

std::optional<Step> barycentrics_grad_cuda(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Shapes p = shapes_of(s);
  Step step;
  step.kernel = "barycentrics_grad cuda";
  step.workspace = static_cast<std::size_t>(p.samples * p.faces * 9) * sizeof(float);
  step.run = [p](const Buffers& b, Stream& stream) {
    const cudaStream_t queue = cuda::stream_of(stream);
    auto* const partial = static_cast<float*>(b.workspace);
    if (p.samples * p.faces > 0) {
      cuda::launch(barycentrics_grad_kernel, cuda::blocks_for(p.samples * p.faces * cuda::warp_size),
                   cuda::threads_per_block, 0, queue, b.get<float>(0),
                   Faces{b.get<std::int32_t>(1), p.faces, p.vertices}, b.get<std::int32_t>(3), b.get<Box>(4),
                   b.get<float>(5), partial, p);
    }
    cuda::launch_corner_sums(queue, partial, b.get<std::int32_t>(2), b.out_as<float>(), p.samples, p.vertices, p.faces,
                             3);
  };
  return step;
}

}  // namespace g2face
