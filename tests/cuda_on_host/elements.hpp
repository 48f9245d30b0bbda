#pragma once
// Numbers in device memory, for the stand-ins of libraries.

#include <bit>
#include <cstddef>
#include <cstdint>

#include "g2face/dtype.hpp"
#include "memory.hpp"
#include "mma.hpp"

namespace cuda_on_host {

enum class Numbers : std::uint8_t { f32, tf32, bf16, f16 };  // tf32: stored as f32, and rounded when read

inline std::size_t size_of(Numbers n) { return n == Numbers::f32 || n == Numbers::tf32 ? 4 : 2; }

inline double read(const void* data, Numbers n, std::int64_t i) {
  if (size_of(n) == 4) {
    const float v = static_cast<const float*>(data)[i];
    return n == Numbers::tf32 ? std::bit_cast<float>(tf32_bits(v)) : v;
  }
  const std::uint16_t bits = static_cast<const std::uint16_t*>(data)[i];
  return n == Numbers::bf16 ? to_float(g2face::bf16{bits}) : to_float(g2face::f16{bits});
}

inline void write(void* data, Numbers n, std::int64_t i, double v) {
  const auto f = static_cast<float>(v);
  if (size_of(n) == 4) {
    static_cast<float*>(data)[i] = f;
  } else {
    static_cast<std::uint16_t*>(data)[i] = n == Numbers::bf16 ? bf16_bits(f) : f16_bits(f);
  }
}

inline bool on_device(const void* data, std::size_t bytes, std::size_t alignment = 16) {
  if (bytes == 0) return true;
  return location_of(data, bytes) == Location::device && reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
}

}  // namespace cuda_on_host
