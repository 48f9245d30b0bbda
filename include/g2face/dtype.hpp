#pragma once
// Element types, and the two 16-bit storage types of the host.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace g2face {

enum class DType : std::uint8_t { f32, f64, bf16, f16, i64, i32, u8 };

std::size_t size_of(DType dtype);
std::string_view name_of(DType dtype);  // "f32"
std::ostream& operator<<(std::ostream& out, DType dtype);
inline bool is_float(DType d) { return d == DType::f32 || d == DType::f64 || d == DType::bf16 || d == DType::f16; }

/// bfloat16 storage: the upper half of a float32, rounded to nearest even.
struct bf16 {
  std::uint16_t bits = 0;
};
/// IEEE binary16 storage.
struct f16 {
  std::uint16_t bits = 0;
};

inline float to_float(bf16 v) { return std::bit_cast<float>(static_cast<std::uint32_t>(v.bits) << 16); }

inline float to_float(f16 v) {
  const std::uint32_t sign = static_cast<std::uint32_t>(v.bits & 0x8000u) << 16;
  const std::uint32_t rest = static_cast<std::uint32_t>(v.bits & 0x7fffu) << 13;
  if (rest >= 0x7c00u << 13) return std::bit_cast<float>(sign | rest | 0x7f800000u);  // infinity, NaN
  // Read with float's exponent bias every value, denormals too, is too small by exactly 2^112.
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) * 0x1p112f) | sign);
}

/// Nearest, ties to even; NaN stays NaN (made quiet) and keeps its sign.
inline bf16 to_bf16(float v) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(v);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((u >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

/// Nearest, ties to even; 65520 and more become infinity; NaN stays NaN (made quiet) and keeps its sign.
inline f16 to_f16(float v) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(v);
  const std::uint32_t sign = (u >> 16) & 0x8000u;
  const std::uint32_t magnitude = u & 0x7fffffffu;
  std::uint32_t bits = 0;
  if (magnitude > 0x7f800000u) {
    bits = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {  // 2^16
    bits = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: adding 1/2 lets the addition round to multiples of 2^-24
    bits = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    bits = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | bits)};
}

template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct dtype_of<bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct dtype_of<f16> {
  static constexpr DType value = DType::f16;
};
template <>
struct dtype_of<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct dtype_of<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct dtype_of<std::uint8_t> {
  static constexpr DType value = DType::u8;
};

}  // namespace g2face
