#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"

namespace g2face {
namespace {

constexpr std::int64_t bit_count = 32;

float value_of(const float* x, double limit) {
  std::uint32_t bits = 0;
  for (std::int64_t k = 0; k < bit_count; ++k) bits = bits << 1 | (x[k] > 0.f ? 1u : 0u);
  const auto exponent = static_cast<int>(bits >> 23 & 0xffu);
  // Unlike IEEE's, these values have a hidden bit at exponent 0 and no NaN at 255.
  float magnitude = std::numeric_limits<float>::infinity();
  if (exponent < 255) {
    magnitude = std::ldexp(std::bit_cast<float>((bits & 0x007fffffu) | 0x3f800000u), exponent - 127);
  }
  if (limit > 0 && static_cast<double>(magnitude) > limit) return 0;
  return bits >> 31 ? -magnitude : magnitude;
}

}  // namespace

MaybeStep float_to_bits_cpu(const NoAttrs&, const Signature& s) {
  if (cpu::common_block({s.in, s.out}) != 1) return std::nullopt;
  Step step;
  step.kernel = "float_to_bits loops";
  step.run = [n = s.in[0].type.shape.numel()](const Buffers& b, Stream&) {
    const float* x = b.get<float>(0);
    float* y = b.out_as<float>();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(x[i] == 0.f ? 1e-8f : x[i]);
      for (std::int64_t k = 0; k < bit_count; ++k) *y++ = static_cast<float>(bits >> (31 - k) & 1u);
    }
  };
  return step;
}

MaybeStep bits_to_float_cpu(const BitsAttrs& a, const Signature& s) {
  if (cpu::common_block({s.in, s.out}) != 1) return std::nullopt;
  Step step;
  step.kernel = "bits_to_float loops";
  step.run = [n = s.out[0].type.shape.numel(), limit = a.limit](const Buffers& b, Stream&) {
    for (std::int64_t i = 0; i < n; ++i) b.out_as<float>()[i] = value_of(b.get<float>(0) + i * bit_count, limit);
  };
  return step;
}

}  // namespace g2face
