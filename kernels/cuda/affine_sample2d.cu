// A thread for each pixel. The adjoint finds the pixels that read its own, so nothing is added atomically.

#include "kernels/affine_sample.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

__global__ void affine_sample2d_kernel(const float* x, const float* maps, float* y, affine_sample::Problem p) {
  for (std::int64_t i = cuda::thread_index(); i < p.samples * p.result(); i += cuda::thread_count()) {
    const std::int64_t n = i / p.result(), at = i % p.result();
    affine_sample::sample_pixel(p, maps + 6 * n, x + n * p.channels * p.image(), y + n * p.channels * p.result(),
                                at / p.columns, at % p.columns);
  }
}

__global__ void affine_sample2d_grad_kernel(const float* dy, const float* maps, float* dx, affine_sample::Problem p) {
  for (std::int64_t i = cuda::thread_index(); i < p.samples * p.image(); i += cuda::thread_count()) {
    const std::int64_t n = i / p.image(), at = i % p.image();
    const affine_sample::Readers readers = affine_sample::Readers::of(maps + 6 * n);
    for (std::int64_t c = 0; c < p.channels; c += affine_sample::lanes) {
      affine_sample::gather_pixel(p, maps + 6 * n, readers, dy + n * p.channels * p.result(),
                                  dx + n * p.channels * p.image(), at / p.width, at % p.width, c);
    }
  }
}

Step pixel_step(const char* name, const affine_sample::Problem& p, std::int64_t pixels,
                void (*kernel)(const float*, const float*, float*, affine_sample::Problem)) {
  Step step;
  step.kernel = name;
  step.run = [p, pixels, kernel](const Buffers& b, Stream& stream) {
    if (pixels == 0) return;
    cuda::launch(kernel, cuda::blocks_for(pixels), cuda::threads_per_block, 0, cuda::stream_of(stream), b.get<float>(0),
                 b.get<float>(1), b.out_as<float>(), p);
  };
  return step;
}

}  // namespace

std::optional<Step> affine_sample2d_cuda(const AffineSample2dAttrs& a, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  const affine_sample::Problem p = affine_sample::problem(a, s.in[0].type.shape, s.out[0].type.shape);
  return pixel_step("affine_sample2d cuda", p, p.samples * p.result(), affine_sample2d_kernel);
}

std::optional<Step> affine_sample2d_grad_cuda(const AffineSample2dAttrs& a, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  const affine_sample::Problem p = affine_sample::problem(a, s.out[0].type.shape, s.in[0].type.shape);
  return pixel_step("affine_sample2d_grad cuda", p, p.samples * p.image(), affine_sample2d_grad_kernel);
}

}  // namespace g2face
