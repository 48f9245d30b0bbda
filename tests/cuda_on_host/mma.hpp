#pragma once
// What kernels/mma.cuh and kernels/narrow.cuh do on the host.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "g2face/dtype.hpp"

namespace cuda_on_host {

// As PTX rounds: every NaN becomes the same one.
inline std::uint16_t bf16_bits(float v) { return std::isnan(v) ? std::uint16_t{0x7fff} : g2face::to_bf16(v).bits; }
inline std::uint16_t f16_bits(float v) { return std::isnan(v) ? std::uint16_t{0x7fff} : g2face::to_f16(v).bits; }
inline std::uint32_t tf32_bits(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  if (std::isnan(v)) return 0x7fffe000u;
  return std::isinf(v) ? bits : (bits + 0x1000u) & ~0x1fffu;
}
inline std::uint32_t pair_of(std::uint16_t low, std::uint16_t high) {
  return static_cast<std::uint32_t>(high) << 16 | low;
}

/// Matrix products of a warp, by the name of the PTX instruction. Products are exact, sums are f32 in ascending order.
void mma_sync(const char* instruction, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
void ldmatrix(const char* what, std::uint32_t* r, unsigned matrices, const void* row, bool transposed);

/// The destination holds NaN until the thread waits for the group of the copy.
void cp_async(void* shared, const void* global, std::size_t bytes, bool valid);
void cp_async_commit();
void cp_async_wait(unsigned pending);

/// Products of a warpgroup, made at once and kept from the thread: until it waits for their group, the sums hold NaN,
/// and an operand that was overwritten is an error. So are copies into shared memory that were waited for but not
/// fenced.
void wgmma(bool is_bf16, float* d, int columns, const char* a, const char* b, bool adds);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(unsigned pending);
void fence_shared_for_products();

}  // namespace cuda_on_host
