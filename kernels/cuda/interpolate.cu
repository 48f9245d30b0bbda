// Plain: a thread for each pixel, or a warp for each triangle where vertices are summed.

#include "kernels/cuda/corner_sums.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face {
namespace {

struct Problem {
  std::int64_t samples, vertices, channels, width, pixels, faces;
  bool shared;  // attributes are the same for all samples
  __host__ __device__ std::int64_t attributes(std::int64_t n) const { return shared ? 0 : n * vertices * channels; }
};

Problem problem(const Signature& s, const Shape& attributes) {
  const Shape& ids = s.in[4].type.shape;
  return {ids[0], attributes[1], attributes[2], ids[2], ids[1] * ids[2], s.in[2].type.shape[0], attributes[0] == 1};
}

__global__ void interpolate_kernel(const float* attributes, const float* weights, const std::int32_t* triangles,
                                   const std::int32_t* ids, float* y, Problem p) {
  const raster::Faces faces{triangles, p.faces, p.vertices};
  for (std::int64_t i = cuda::thread_index(); i < p.samples * p.pixels; i += cuda::thread_count()) {
    const std::int64_t n = i / p.pixels, at = i % p.pixels;
    std::int32_t v[3];
    const bool shown = faces.corners(ids[i], v);
    float w[3] = {};
    for (int k = 0; k < 3; ++k) {
      if (shown) w[k] = weights[(n * 3 + k) * p.pixels + at];
    }
    for (std::int64_t c = 0; c < p.channels; ++c) {
      float sum = 0;
      for (int k = 0; k < 3; ++k) {
        if (shown) sum += w[k] * attributes[p.attributes(n) + v[k] * p.channels + c];
      }
      y[(n * p.channels + c) * p.pixels + at] = sum;
    }
  }
}

__global__ void attributes_grad_kernel(const float* dy, const float* weights, const std::int32_t* ids,
                                       const raster::Box* boxes, float* partial, Problem p) {
  for (std::int64_t i = cuda::warp_index(); i < p.samples * p.faces; i += cuda::warp_count()) {
    const std::int64_t n = i / p.faces;
    const auto f = static_cast<std::int32_t>(i % p.faces);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      float sums[3] = {};
      cuda::for_each_pixel_of_lane(boxes[i], p.width, [&](std::int64_t at, std::int64_t, std::int64_t) {
        if (ids[n * p.pixels + at] != f) return;
        const float g = dy[(n * p.channels + c) * p.pixels + at];
        for (int k = 0; k < 3; ++k) sums[k] += weights[(n * 3 + k) * p.pixels + at] * g;
      });
      for (int k = 0; k < 3; ++k) {
        const float sum = cuda::warp_sum(sums[k]);
        if (threadIdx.x % cuda::warp_size == 0) partial[(i * 3 + k) * p.channels + c] = sum;
      }
    }
  }
}

__global__ void weights_grad_kernel(const float* dy, const float* attributes, const std::int32_t* triangles,
                                    const std::int32_t* ids, float* gradient, Problem p) {
  const raster::Faces faces{triangles, p.faces, p.vertices};
  for (std::int64_t i = cuda::thread_index(); i < p.samples * p.pixels; i += cuda::thread_count()) {
    const std::int64_t n = i / p.pixels, at = i % p.pixels;
    std::int32_t v[3];
    const bool shown = faces.corners(ids[i], v);
    float sums[3] = {};
    for (std::int64_t c = 0; shown && c < p.channels; ++c) {
      const float g = dy[(n * p.channels + c) * p.pixels + at];
      for (int k = 0; k < 3; ++k) sums[k] += attributes[p.attributes(n) + v[k] * p.channels + c] * g;
    }
    for (int k = 0; k < 3; ++k) gradient[(n * 3 + k) * p.pixels + at] = sums[k];
  }
}

/// For kernels with a thread for each pixel and these operands: two values, triangles, ids.
Step pixel_step(const char* name, const Problem& p,
                void (*kernel)(const float*, const float*, const std::int32_t*, const std::int32_t*, float*, Problem)) {
  Step step;
  step.kernel = name;
  step.run = [p, kernel](const Buffers& b, Stream& stream) {
    if (p.samples * p.pixels == 0) return;
    cuda::launch(kernel, cuda::blocks_for(p.samples * p.pixels), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 b.get<float>(0), b.get<float>(1), b.get<std::int32_t>(2), b.get<std::int32_t>(4), b.out_as<float>(),
                 p);
  };
  return step;
}

}  // namespace

std::optional<Step> interpolate_cuda(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  return pixel_step("interpolate cuda", problem(s, s.in[0].type.shape), interpolate_kernel);
}

std::optional<Step> interpolate_weights_grad_cuda(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  return pixel_step("interpolate_weights_grad cuda", problem(s, s.in[1].type.shape), weights_grad_kernel);
}

std::optional<Step> interpolate_attributes_grad_cuda(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Problem p = problem(s, s.out[0].type.shape);
  Step step;
  step.kernel = "interpolate_attributes_grad cuda";
  step.workspace = static_cast<std::size_t>(p.samples * p.faces * 3 * p.channels) * sizeof(float);
  step.run = [p](const Buffers& b, Stream& stream) {
    const cudaStream_t queue = cuda::stream_of(stream);
    auto* const partial = static_cast<float*>(b.workspace);
    if (p.samples * p.faces > 0) {
      cuda::launch(attributes_grad_kernel, cuda::blocks_for(p.samples * p.faces * cuda::warp_size),
                   cuda::threads_per_block, 0, queue, b.get<float>(0), b.get<float>(1), b.get<std::int32_t>(4),
                   b.get<raster::Box>(5), partial, p);
    }
    cuda::launch_corner_sums(queue, partial, b.get<std::int32_t>(3), b.out_as<float>(), p.samples, p.vertices, p.faces,
                             p.channels);
  };
  return step;
}

}  // namespace g2face
