#pragma once
// Matrix products of a warp, loads of their operands from shared memory, and copies from global to shared memory that
// go on while the thread does: one function for each PTX instruction. Without CUDA, tests/cuda_on_host supplies them.

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/narrow.cuh"

namespace g2face::cuda {

/// float rounded to 10 bits of mantissa, in the place of a float.
struct tf32;

/// The depth of one mma_sync: its 16 x depth times depth x 8 elements.
template <class T>
constexpr int mma_depth = 16;
template <>
inline constexpr int mma_depth<tf32> = 8;

/// Rounds to nearest, ties away from zero. Every operand of mma_sync<tf32> has to be rounded: the low bits are cut off,
/// which alone would make each product smaller.
inline __device__ std::uint32_t to_tf32(float v) {
#ifdef __CUDACC__
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(v));
  return bits;
#else
  return cuda_on_host::tf32_bits(v);
#endif
}

/// d += a * b for a tile d of 16 x 8. All lanes of the warp must call it. With g = lane / 4 and t = lane % 4, a lane
/// has
///   of d:                [g][2t], [g][2t + 1], [g + 8][2t], [g + 8][2t + 1]
///   of a, bf16 and f16:  the pairs that begin at [g][2t], [g + 8][2t], [g][2t + 8], [g + 8][2t + 8]
///   of b, bf16 and f16:  [2t][g] and [2t + 1][g], [2t + 8][g] and [2t + 9][g]
///   of a, tf32:          [g][t], [g + 8][t], [g][t + 4], [g + 8][t + 4]
///   of b, tf32:          [t][g], [t + 4][g]
/// The order of the sum over the depth is the GPU's own, but fixed.
template <class T>
__device__ void mma_sync(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);

#ifdef __CUDACC__
#define G2FACE_MMA_SYNC(T, INSTRUCTION)                                                                      \
  template <>                                                                                                \
  inline __device__ void mma_sync<T>(float(&d)[4], const std::uint32_t(&a)[4], const std::uint32_t(&b)[2]) { \
    asm("mma.sync.aligned." INSTRUCTION " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"             \
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                     \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                                 \
  }
#else
#define G2FACE_MMA_SYNC(T, INSTRUCTION)                                                           \
  template <>                                                                                     \
  inline void mma_sync<T>(float(&d)[4], const std::uint32_t(&a)[4], const std::uint32_t(&b)[2]) { \
    cuda_on_host::mma_sync(INSTRUCTION, d, a, b);                                                 \
  }
#endif
G2FACE_MMA_SYNC(bf16, "m16n8k16.row.col.f32.bf16.bf16.f32")
G2FACE_MMA_SYNC(f16, "m16n8k16.row.col.f32.f16.f16.f32")
G2FACE_MMA_SYNC(tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef G2FACE_MMA_SYNC

#ifdef __CUDACC__
inline __device__ std::uint32_t shared_address(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}
#endif

/// Loads 8 x 8 matrices of 16-bit elements: lane l gives the address of row l % 8 of matrix l / 8, 16 aligned bytes in
/// shared memory, and receives elements 2 (l % 4) and the next one of row l / 4 of each matrix. All lanes must call it.
/// The matrices come as the operand a of mma_sync from row-major a: rows 0-7, rows 8-15, then both 8 columns on.
inline __device__ void ldmatrix_x4(std::uint32_t (&r)[4], const void* row) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
#else
  cuda_on_host::ldmatrix("ldmatrix_x4", r, 4, row, false);
#endif
}

/// The same of the transposed matrices: a lane receives elements [2 (l % 4)][l / 4] and [2 (l % 4) + 1][l / 4].
inline __device__ void ldmatrix_x4_trans(std::uint32_t (&r)[4], const void* row) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
#else
  cuda_on_host::ldmatrix("ldmatrix_x4_trans", r, 4, row, true);
#endif
}

/// Two matrices; the addresses are those of lanes 0 to 15.
inline __device__ void ldmatrix_x2(std::uint32_t (&r)[2], const void* row) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
#else
  cuda_on_host::ldmatrix("ldmatrix_x2", r, 2, row, false);
#endif
}

/// Begins to copy aligned bytes to shared memory; zeros when not valid, and then nothing is read. This thread sees them
/// after cp_async_wait, other threads after a barrier that follows it.
inline __device__ void cp_async_16(void* shared, const void* global, bool valid = true) {
#ifdef __CUDACC__
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid ? 16 : 0)
               : "memory");
#else
  cuda_on_host::cp_async(shared, global, 16, valid);
#endif
}
inline __device__ void cp_async_8(void* shared, const void* global, bool valid = true) {
#ifdef __CUDACC__
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid ? 8 : 0)
               : "memory");
#else
  cuda_on_host::cp_async(shared, global, 8, valid);
#endif
}
inline __device__ void cp_async_4(void* shared, const void* global, bool valid = true) {
#ifdef __CUDACC__
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid ? 4 : 0)
               : "memory");
#else
  cuda_on_host::cp_async(shared, global, 4, valid);
#endif
}

/// Makes a group of this thread's copies since the last one.
inline __device__ void cp_async_commit() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  cuda_on_host::cp_async_commit();
#endif
}

/// Waits for all of this thread's groups but the newest `pending`.
template <int pending>
__device__ void cp_async_wait() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#else
  cuda_on_host::cp_async_wait(pending);
#endif
}

}  // namespace g2face::cuda
