// Floats as bits and back, plain: the values are the 512 of an identity.

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

constexpr std::int64_t bit_count = 32;

// One thread for each bit.
__global__ void float_to_bits_kernel(const float* x, float* y, std::int64_t n) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    const float value = x[i / bit_count];
    const std::uint32_t bits = __float_as_uint(value == 0.f ? 1e-8f : value);
    y[i] = static_cast<float>(bits >> (bit_count - 1 - i % bit_count) & 1u);
  }
}

// One thread for each value. Unlike IEEE's, these have a hidden bit at exponent 0 and no NaN at 255; only integers are
// used, so that no mode of the device for denormals matters.
__global__ void bits_to_float_kernel(const float* x, float* y, std::int64_t n, double limit) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    std::uint32_t bits = 0;
    for (std::int64_t k = 0; k < bit_count; ++k) bits = bits << 1 | (x[i * bit_count + k] > 0.f ? 1u : 0u);
    const std::uint32_t exponent = bits >> 23 & 0xffu, mantissa = bits & 0x007fffffu;
    std::uint32_t magnitude = bits & 0x7fffffffu;
    if (exponent == 255) magnitude = 0x7f800000u;
    if (exponent == 0) {  // (1 + m) 2^-127 in units of 2^-149, ties to even
      magnitude = (mantissa | 0x00800000u) >> 1;
      magnitude += mantissa & magnitude & 1u;
    }
    const bool beyond = limit > 0 && static_cast<double>(__uint_as_float(magnitude)) > limit;
    y[i] = beyond ? 0.f : __uint_as_float(magnitude | (bits & 0x80000000u));
  }
}

}  // namespace

std::optional<Step> float_to_bits_cuda(const NoAttrs&, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  Step step;
  step.kernel = "float_to_bits cuda";
  step.run = [n = s.out[0].type.shape.numel()](const Buffers& b, Stream& stream) {
    if (n == 0) return;
    cuda::launch(float_to_bits_kernel, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 b.get<float>(0), b.out_as<float>(), n);
  };
  return step;
}

std::optional<Step> bits_to_float_cuda(const BitsAttrs& a, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  Step step;
  step.kernel = "bits_to_float cuda";
  step.run = [n = s.out[0].type.shape.numel(), limit = a.limit](const Buffers& b, Stream& stream) {
    if (n == 0) return;
    cuda::launch(bits_to_float_kernel, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 b.get<float>(0), b.out_as<float>(), n, limit);
  };
  return step;
}

}  // namespace g2face
