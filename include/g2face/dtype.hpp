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
float to_float(bf16 v);
float to_float(f16 v);
bf16 to_bf16(float v);
f16 to_f16(float v);

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
