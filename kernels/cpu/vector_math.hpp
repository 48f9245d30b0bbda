#pragma once
// Elementary functions of float that compilers vectorise: no branches, no calls, no tables. Each is within 2 units in
// the last place of the exact result, and right for infinities and NaN. Ranges are reduced as in the Cephes library
// (Moshier 1989); polynomials are from the same source.

#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/cpu/simd.hpp"

namespace g2face::cpu {

/// 2^n for -126 <= n <= 127.
G2FACE_INLINE float power_of_two(std::int32_t n) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(n + 127) << 23);
}

G2FACE_INLINE float exp_of(float x) {
  // Beyond these bounds the result is 0 or infinity; NaN fails both comparisons and passes through.
  x = x < -104.f ? -104.f : x;
  x = x > 89.f ? 89.f : x;
  constexpr float magic = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer, which its low bits then hold
  const float shifted = x * 1.44269504088896341f + magic;
  const float n = shifted - magic;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float e = p * (r * r) + r + 1.f;
  // Two factors, since 2^n alone may be no normal number.
  const auto whole = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(shifted) - 0x4b400000u);
  const std::int32_t half = whole >> 1;
  return e * power_of_two(half) * power_of_two(whole - half);
}

/// log(1 + f) + n log 2 for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
G2FACE_INLINE float log_series(float f, float n) {
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const float square = f * f;
  float y = p * f * square;
  y = y + n * -2.12194440e-4f;
  y = y - 0.5f * square;
  return f + y + n * 0.693359375f;
}

/// log(1 + f) for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
G2FACE_INLINE float log1p_near_zero(float f) { return log_series(f, 0); }

/// log(x) for positive normal x.
G2FACE_INLINE float log_of_normal(float x) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(x);
  // x = m 2^n with sqrt(1/2) <= m < sqrt(2).
  const std::uint32_t offset = u - 0x3f3504f3u;
  const auto n = static_cast<float>(static_cast<std::int32_t>(offset) >> 23);
  return log_series(std::bit_cast<float>((offset & 0x007fffffu) + 0x3f3504f3u) - 1.f, n);
}

G2FACE_INLINE float log_of(float x) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const bool denormal = x < 1.17549435e-38f;
  float y = log_of_normal(denormal ? x * 8388608.f : x);
  y = denormal ? y - 15.9423847198486328f : y;  // 23 log 2
  y = x == 0.f ? -infinity : y;
  y = x == infinity ? infinity : y;
  return x >= 0.f ? y : std::numeric_limits<float>::quiet_NaN();
}

G2FACE_INLINE float sigmoid_of(float x) { return 1.f / (1.f + exp_of(-x)); }

G2FACE_INLINE float tanh_of(float x) {
  const float square = x * x;
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const float small = p * square * x + x;
  const float magnitude = x < 0.f ? -x : x;
  const float large = 1.f - 2.f / (exp_of(2.f * magnitude) + 1.f);
  return magnitude < 0.625f ? small : (x < 0.f ? -large : large);
}

/// log(1 + exp(x)); x itself above 20.
G2FACE_INLINE float softplus_of(float x) {
  const float e = exp_of(x);
  const float u = 1.f + e;
  // The factor e / (u - 1) undoes the rounding of u.
  const float y = u == 1.f ? e : log_of_normal(u) * (e / (u - 1.f));
  return x > 20.f ? x : y;
}

}  // namespace g2face::cpu
