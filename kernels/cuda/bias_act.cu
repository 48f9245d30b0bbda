#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

// One thread for each element; an image of `inner` elements shares a bias.
template <class T>
__global__ void bias_act_kernel(const T* x, const T* b, T* y, std::int64_t n, std::int64_t channels, std::int64_t inner,
                                T slope, T gain) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    const T v = x[i] + b[i / inner % channels];
    y[i] = gain * (v > T(0) ? v : slope * v);
  }
}

template <class T>
std::optional<Step> make_step(const BiasActAttrs& a, const Signature& s) {
  const Shape& x = s.in[0].type.shape;
  const std::int64_t n = x.numel(), channels = x[1], inner = n == 0 ? 1 : n / (x[0] * channels);
  Step step;
  step.kernel = "bias_act cuda";
  step.in_place = {0};
  step.run = [=](const Buffers& buffers, Stream& stream) {
    if (n == 0) return;
    cuda::launch(bias_act_kernel<T>, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 buffers.get<T>(0), buffers.get<T>(1), buffers.out_as<T>(), n, channels, inner, a.slope, a.gain);
  };
  return step;
}

}  // namespace

std::optional<Step> bias_act_cuda(const BiasActAttrs& a, const Signature& s) {
  if (cuda::is_plain(s, DType::f32)) return make_step<float>(a, s);
  if (cuda::is_plain(s, DType::f64)) return make_step<double>(a, s);
  return std::nullopt;
}

}  // namespace g2face
