#pragma once
// Elements of every dtype on a device: how they are stored, what they are computed in, and how they convert.

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "g2face/tensor.hpp"

namespace g2face::cuda {

/// The most that a thread moves at once.
struct alignas(16) Bytes16 {
  std::uint64_t low, high;
};

/// A few neighbouring elements, moved at once.
template <class T, int count>
struct alignas(sizeof(T) * count) Vector {
  T at[count];
};

/// Calls f with a value of the unsigned type of 1, 2, 4 or 8 bytes.
template <class F>
auto with_unsigned(std::size_t bytes, const F& f) {
  switch (bytes) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

/// Calls f with a value of the type that stores elements of this floating dtype.
template <class F>
auto with_float(DType dtype, const F& f) {
  switch (dtype) {
    case DType::f64:
      return f(double{});
    case DType::bf16:
      return f(bf16{});
    case DType::f16:
      return f(f16{});
    default:
      return f(float{});
  }
}

/// The same for any dtype.
template <class F>
auto with_dtype(DType dtype, const F& f) {
  switch (dtype) {
    case DType::i64:
      return f(std::int64_t{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::u8:
      return f(std::uint8_t{});
    default:
      return with_float(dtype, f);
  }
}

/// What elements of type T are computed and summed in.
template <class T>
using Sum = std::conditional_t<std::is_integral_v<T>, std::int64_t,
                               std::conditional_t<std::is_same_v<T, double>, double, float>>;

template <class To, class From>
__device__ To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

/// The functions of dtype.hpp and convert(), which are the host's, bit for bit.
namespace convert_detail {

template <class T>
constexpr bool is_16bit = std::is_same_v<T, bf16> || std::is_same_v<T, f16>;

inline __device__ float to_f32(bf16 v) { return bits_as<float>(static_cast<std::uint32_t>(v.bits) << 16); }

inline __device__ float to_f32(f16 v) {
  const std::uint32_t sign = static_cast<std::uint32_t>(v.bits & 0x8000u) << 16;
  const std::uint32_t rest = static_cast<std::uint32_t>(v.bits & 0x7fffu) << 13;
  if (rest >= 0x7c00u << 13) return bits_as<float>(sign | rest | 0x7f800000u);
  return bits_as<float>(bits_as<std::uint32_t>(bits_as<float>(rest) * 0x1p112f) | sign);
}

template <class To>
__device__ To to_16bit(float v) {
  const std::uint32_t u = bits_as<std::uint32_t>(v), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
  std::uint32_t bits = 0;
  if constexpr (std::is_same_v<To, bf16>) {
    bits = magnitude > 0x7f800000u ? (magnitude >> 16) | 0x40u : (magnitude + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  } else if (magnitude > 0x7f800000u) {
    bits = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {
    bits = 0x7c00u;
  } else if (magnitude < 0x38800000u) {
    bits = bits_as<std::uint32_t>(bits_as<float>(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    bits = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | bits)};
}

/// Rounded to odd, so that rounding again to 16 bits rounds but once.
inline __device__ float odd_float(double v) {
  const auto nearest = static_cast<float>(v);
  if (static_cast<double>(nearest) == v || v != v) return nearest;
  std::uint32_t bits = bits_as<std::uint32_t>(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(v)) --bits;
  return bits_as<float>(bits | 1u);
}

inline __device__ double odd_double(std::int64_t v) {
  std::uint64_t magnitude = v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
  if (magnitude > std::uint64_t{1} << 53) {
    magnitude = ((magnitude >> 11) | ((magnitude & 0x7ffu) != 0 ? 1u : 0u)) << 11;
  }
  const auto result = static_cast<double>(magnitude);
  return v < 0 ? -result : result;
}

template <class T>
constexpr T lowest_of = std::numeric_limits<T>::min();
template <class T>
constexpr T highest_of = std::numeric_limits<T>::max();

/// The nearest value of To, towards zero; 0 for NaN.
template <class To, class From>
__device__ To to_integer(From v) {
  constexpr To lowest = lowest_of<To>, highest = highest_of<To>;
  if constexpr (std::is_floating_point_v<From>) {
    if (v != v) return 0;
    constexpr From limit = std::is_signed_v<To> ? -static_cast<From>(lowest) : static_cast<From>(256);
    if (v >= limit) return highest;
    if (v <= static_cast<From>(lowest)) return lowest;
    return static_cast<To>(v);
  } else {
    // 64 bits hold every integer dtype.
    const auto wide = static_cast<std::int64_t>(v);
    return wide < lowest ? lowest : wide > highest ? highest : static_cast<To>(wide);
  }
}

}  // namespace convert_detail

/// One element as another dtype, as convert() does it.
template <class To, class From>
__device__ To convert_to(From v) {
  using namespace convert_detail;
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else if constexpr (is_16bit<From>) {
    return convert_to<To>(to_f32(v));
  } else if constexpr (is_16bit<To> && std::is_same_v<From, float>) {
    return to_16bit<To>(v);
  } else if constexpr (is_16bit<To> && std::is_same_v<From, std::int64_t>) {
    return to_16bit<To>(odd_float(odd_double(v)));
  } else if constexpr (is_16bit<To>) {
    return to_16bit<To>(odd_float(static_cast<double>(v)));
  } else if constexpr (std::is_integral_v<To>) {
    return to_integer<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace g2face::cuda
