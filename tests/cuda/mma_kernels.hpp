#pragma once
// A kernel for each wrapper of kernels/mma.cuh and kernels/narrow.cuh: one warp, or one block.

#include <cstdint>

namespace g2face::test {

/// d [16, 8] = c [16, 8] + a [16, depth] * b [depth, 8] in T (bf16, f16, tf32), operands gathered as documented.
template <class T>
void multiply_tile(const float* a, const float* b, const float* c, float* d);
/// The same with a and the transposed b [8, depth] as they are stored in T, rows of 32 bytes, brought by cp_async and
/// loaded by ldmatrix (to which two halves of a tf32 are two elements).
template <class T>
void multiply_loaded_tile(const std::uint32_t* a, const std::uint32_t* b_transposed, const float* c, float* d);
/// d [64, columns] = c + a [64, 64] * b' for b [columns, 64] in T (bf16, f16), by a warpgroup; columns: 64, 128 or 256.
template <class T>
void multiply_warpgroup(int columns, const std::uint32_t* a, const std::uint32_t* b, const float* c, float* d);
/// The registers [32, 4] that lanes receive for 32 rows of 8 elements of 16 bits; x2 gives 2 of the 4.
enum class Load { x4, x4_trans, x2 };
void load_matrices(Load load, const std::uint16_t* rows, std::uint32_t* registers);
/// Each thread copies its `bytes` (4, 8 or 16) of x if it is even, and zeros otherwise; y is what its neighbour copied.
void copy_even(int bytes, const std::uint32_t* x, std::uint32_t* y, int threads);
/// Pairs [n / 2] of the values [n] in T, the values that come back, and the tf32 bits.
template <class T>
void round_trip(const float* x, std::uint32_t* pairs, float* back, int n);
void round_to_tf32(const float* x, std::uint32_t* bits, int n);

}  // namespace g2face::test
