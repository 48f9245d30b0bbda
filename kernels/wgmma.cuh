#pragma once
// Matrix products of a warpgroup (4 warps, the first of them a multiple of 4), which read both operands from shared
// memory and go on while the threads do something else: one function for each PTX instruction. Compute capability 9.0
// alone has them, and only code compiled for sm_90a may use them. Without CUDA, tests/cuda_on_host supplies them.

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/mma.cuh"

/// Whether this pass of the compiler may meet the instructions.
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define G2FACE_WGMMA 1
#else
#define G2FACE_WGMMA 0
#endif

namespace g2face::cuda {

constexpr int warpgroup_size = 128;

#ifdef __CUDACC__
#if G2FACE_WGMMA
/// Describes rows of 128 bytes in blocks of eight, whose pieces of 16 bytes are swapped by the row: piece ^ row % 8.
inline __device__ std::uint64_t tile_descriptor(const char* rows) {
  constexpr std::uint64_t swizzle_128 = std::uint64_t{1} << 62, block_bytes = std::uint64_t{1024 >> 4} << 32,
                          unused = std::uint64_t{1} << 16;
  return swizzle_128 | block_bytes | unused | (shared_address(rows) >> 4 & 0x3fff);
}

// Eight of the numbers that an instruction adds to.
#define G2FACE_SUMS_8(i)                                                                                      \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
      "+f"(d[i + 7])
#define G2FACE_SUMS_32(i) G2FACE_SUMS_8(i), G2FACE_SUMS_8(i + 8), G2FACE_SUMS_8(i + 16), G2FACE_SUMS_8(i + 24)
#define G2FACE_NAMES_32                                                                        \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
  "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define G2FACE_NAMES_64                                                                                         \
  G2FACE_NAMES_32                                                                                               \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, " \
  "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define G2FACE_NAMES_128                                                                                            \
  G2FACE_NAMES_64                                                                                                   \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, "     \
  "%85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, " \
  "%106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, "    \
  "%124, %125, %126, %127"
#endif
#endif

/// Begins d += a b', or d = a b' unless `adds`, for 64 rows of a, `columns` rows of b and 16 elements of depth. Rows
/// are 128 bytes of shared memory in blocks of eight that begin at multiples of 1024 bytes; a and b point at the first
/// of the elements in row 0. Before, wgmma_fence; d may not be touched until wgmma_wait, nor may the operands be
/// overwritten. All threads of the warpgroup must call it. With w = warp % 4, g = lane / 4 and t = lane % 4, a thread
/// has of d, for each j,
///   [4 j], [4 j + 1]:      row 16 w + g, columns 8 j + 2 t and the next
///   [4 j + 2], [4 j + 3]:  row 16 w + g + 8, the same columns
template <class T, int columns>
__device__ void wgmma(float (&d)[columns / 2], const char* a, const char* b, bool adds = true);

#ifdef __CUDACC__
#if G2FACE_WGMMA
#define G2FACE_WGMMA_OF(T, COLUMNS, TYPES, NAMES, A, B, ADDS, ...)                                             \
  template <>                                                                                                  \
  inline __device__ void wgmma<T, COLUMNS>(float(&d)[COLUMNS / 2], const char* a, const char* b, bool adds) {  \
    asm volatile("{.reg .pred adds; setp.ne.b32 adds, " ADDS ", 0; wgmma.mma_async.sync.aligned.m64n" #COLUMNS \
                 "k16.f32." TYPES " {" NAMES "}, " A ", " B ", adds, 1, 1, 0, 0;}"                             \
                 : __VA_ARGS__                                                                                 \
                 : "l"(tile_descriptor(a)), "l"(tile_descriptor(b)), "r"(static_cast<int>(adds)));             \
  }
#define G2FACE_WGMMA_FOR(T, TYPES)                                                                                \
  G2FACE_WGMMA_OF(T, 64, TYPES, G2FACE_NAMES_32, "%32", "%33", "%34", G2FACE_SUMS_32(0))                          \
  G2FACE_WGMMA_OF(T, 128, TYPES, G2FACE_NAMES_64, "%64", "%65", "%66", G2FACE_SUMS_32(0), G2FACE_SUMS_32(32))     \
  G2FACE_WGMMA_OF(T, 256, TYPES, G2FACE_NAMES_128, "%128", "%129", "%130", G2FACE_SUMS_32(0), G2FACE_SUMS_32(32), \
                  G2FACE_SUMS_32(64), G2FACE_SUMS_32(96))
G2FACE_WGMMA_FOR(bf16, "bf16.bf16")
G2FACE_WGMMA_FOR(f16, "f16.f16")
#undef G2FACE_WGMMA_FOR
#undef G2FACE_WGMMA_OF
#undef G2FACE_NAMES_128
#undef G2FACE_NAMES_64
#undef G2FACE_NAMES_32
#undef G2FACE_SUMS_32
#undef G2FACE_SUMS_8
#endif
#else
template <class T, int columns>
void wgmma(float (&d)[columns / 2], const char* a, const char* b, bool adds) {
  cuda_on_host::wgmma(std::is_same_v<T, bf16>, d, columns, a, b, adds);
}
#endif

/// What the thread did to d comes before the products that it begins from now on.
inline __device__ void wgmma_fence() {
#ifdef __CUDACC__
#if G2FACE_WGMMA
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
#else
  cuda_on_host::wgmma_fence();
#endif
}

/// Makes a group of the products begun since the last one.
inline __device__ void wgmma_commit() {
#ifdef __CUDACC__
#if G2FACE_WGMMA
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
#else
  cuda_on_host::wgmma_commit();
#endif
}

/// Waits for all groups but the newest `pending`.
template <int pending>
__device__ void wgmma_wait() {
#ifdef __CUDACC__
#if G2FACE_WGMMA
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
#endif
#else
  cuda_on_host::wgmma_wait(pending);
#endif
}

/// Holds the compiler from reading d before a wait that stands above.
template <int n>
__device__ void keep_below(float (&d)[n]) {
#ifdef __CUDACC__
#pragma unroll
  for (int i = 0; i < n; ++i) asm volatile("" : "+f"(d[i])::"memory");
#else
  static_cast<void>(d);
#endif
}

/// What this thread wrote to shared memory, and copies that it waited for, come before the products that threads begin
/// behind the next barrier: those read past the caches of ordinary loads.
inline __device__ void fence_shared_for_products() {
#ifdef __CUDACC__
#if G2FACE_WGMMA
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
#else
  cuda_on_host::fence_shared_for_products();
#endif
}

}  // namespace g2face::cuda
