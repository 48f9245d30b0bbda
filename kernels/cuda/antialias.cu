// Plain: a thread for each pixel.

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/edge_blend.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

using raster::EdgeBlend;

/// Sample n of all, of which `first` is the first.
__device__ EdgeBlend sample(const EdgeBlend& first, std::int64_t n) {
  EdgeBlend e = first;
  e.image += n * e.channels * e.pixels();
  e.distances += n * 4 * e.pixels();
  return e;
}

__global__ void antialias_kernel(EdgeBlend first, std::int64_t count, float* y) {
  for (std::int64_t i = cuda::thread_index(); i < count; i += cuda::thread_count()) {
    const std::int64_t n = i / first.pixels(), at = i % first.pixels();
    sample(first, n).blend(at % first.width, at / first.width, y + n * first.channels * first.pixels());
  }
}

__global__ void antialias_grad_kernel(EdgeBlend first, std::int64_t count, const float* dy, float* dimage,
                                      float* ddistances) {
  for (std::int64_t i = cuda::thread_index(); i < count; i += cuda::thread_count()) {
    const std::int64_t n = i / first.pixels(), at = i % first.pixels(), size = first.channels * first.pixels();
    sample(first, n).gradients(at % first.width, at / first.width, dy + n * size, dimage + n * size,
                               ddistances + n * 4 * first.pixels());
  }
}

}  // namespace

std::optional<Step> antialias_cuda(const NoAttrs&, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  Step step;
  step.kernel = "antialias cuda";
  step.run = [x = s.in[0].type.shape](const Buffers& b, Stream& stream) {
    const std::int64_t count = x[0] * x[2] * x[3];
    if (count == 0) return;
    cuda::launch(antialias_kernel, cuda::blocks_for(count), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 EdgeBlend{b.get<float>(0), b.get<float>(1), x[1], x[2], x[3]}, count, b.out_as<float>());
  };
  return step;
}

std::optional<Step> antialias_grad_cuda(const NoAttrs&, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  Step step;
  step.kernel = "antialias_grad cuda";
  step.run = [x = s.in[1].type.shape](const Buffers& b, Stream& stream) {
    const std::int64_t count = x[0] * x[2] * x[3];
    if (count == 0) return;
    cuda::launch(antialias_grad_kernel, cuda::blocks_for(count), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 EdgeBlend{b.get<float>(1), b.get<float>(2), x[1], x[2], x[3]}, count, b.get<float>(0),
                 b.out_as<float>(0), b.out_as<float>(1));
  };
  return step;
}

}  // namespace g2face
