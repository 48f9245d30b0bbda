#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "g2face/tensor.hpp"

namespace g2face {
namespace {

// The float beside `v` whose last bit says whether anything was cut off ("round to odd"). Rounding that to 16 bits
// gives what rounding `v` at once would give; going through the nearest float would round twice.
float odd_float(double v) {
  const float nearest = static_cast<float>(v);
  if (static_cast<double>(nearest) == v || std::isnan(v)) return nearest;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(v)) --bits;
  return std::bit_cast<float>(bits | 1u);
}

// The same for integers of more than 53 bits: the low 11 bits are folded into one.
double odd_double(std::int64_t v) {
  constexpr std::uint64_t exact = std::uint64_t{1} << 53;
  std::uint64_t magnitude = v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
  if (magnitude > exact) magnitude = ((magnitude >> 11) | ((magnitude & 0x7ffu) != 0 ? 1u : 0u)) << 11;
  const double result = static_cast<double>(magnitude);
  return v < 0 ? -result : result;
}

template <class T>
constexpr bool is_16bit = std::is_same_v<T, bf16> || std::is_same_v<T, f16>;

template <class T>
T to_16bit(float v) {
  if constexpr (std::is_same_v<T, bf16>) {
    return to_bf16(v);
  } else {
    return to_f16(v);
  }
}

template <class To, class From>
To to_integer(From v) {
  constexpr To lowest = std::numeric_limits<To>::min();
  constexpr To highest = std::numeric_limits<To>::max();
  if constexpr (std::is_floating_point_v<From>) {
    if (std::isnan(v)) return 0;
    // Minus the lowest is a power of two, which every float type holds; the highest may not be.
    constexpr From limit = std::is_signed_v<To> ? -static_cast<From>(lowest) : static_cast<From>(256);
    if (v >= limit) return highest;
    if (v <= static_cast<From>(lowest)) return lowest;
    return static_cast<To>(v);
  } else {
    if (std::cmp_less(v, lowest)) return lowest;
    if (std::cmp_greater(v, highest)) return highest;
    return static_cast<To>(v);
  }
}

template <class To, class From>
To convert_one(From v) {
  if constexpr (is_16bit<From>) {
    return convert_one<To>(to_float(v));
  } else if constexpr (is_16bit<To>) {
    if constexpr (std::is_same_v<From, float>) {
      return to_16bit<To>(v);
    } else if constexpr (std::is_same_v<From, std::int64_t>) {
      return to_16bit<To>(odd_float(odd_double(v)));
    } else {
      return to_16bit<To>(odd_float(static_cast<double>(v)));
    }
  } else if constexpr (std::is_integral_v<To>) {
    return to_integer<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

template <class F>
void dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::bf16:
      return f(bf16{});
    case DType::f16:
      return f(f16{});
    case DType::i64:
      return f(std::int64_t{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::u8:
      return f(std::uint8_t{});
  }
}

}  // namespace

void convert(const void* src, DType from, void* dst, DType to, std::int64_t n) {
  if (n <= 0) return;
  if (from == to) {
    std::memcpy(dst, src, static_cast<std::size_t>(n) * size_of(from));
    return;
  }
  dispatch(from, [&]<class From>(From) {
    dispatch(to, [&]<class To>(To) {
      const auto* in = static_cast<const From*>(src);
      auto* out = static_cast<To*>(dst);
      for (std::int64_t i = 0; i < n; ++i) out[i] = convert_one<To>(in[i]);
    });
  });
}

}  // namespace g2face
