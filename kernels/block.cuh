#pragma once
// Sums over a warp and over a block, in a fixed order: the same input gives the same bits.

#include <cuda_runtime.h>

namespace g2face::cuda {

constexpr unsigned warp_size = 32;

/// The sum over the 32 lanes of a warp, in every lane. All lanes must call it.
template <class T>
__device__ T warp_sum(T value) {
  for (unsigned offset = warp_size / 2; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, static_cast<int>(offset));
  }
  return value;
}

/// The sums of n values over the 32 lanes of a warp, n a power of two. Lane l gets those from value l * n / 32 on, n /
/// 32 of them but at least one, at the front of v. All lanes must call it. Far fewer shuffles than n sums one by one.
template <int n, unsigned offset = warp_size / 2, class T>
__device__ void warp_sums(T* v) {
  if constexpr (n > 1) {
    // Each of two lanes goes on with one half of the values, and gives the other half away.
    const bool upper = (threadIdx.x & offset) != 0;
#pragma unroll
    for (int i = 0; i < n / 2; ++i) {
      const T kept = upper ? v[i + n / 2] : v[i], given = upper ? v[i] : v[i + n / 2];
      v[i] = kept + __shfl_xor_sync(0xffffffffu, given, static_cast<int>(offset));
    }
  } else {
    v[0] += __shfl_xor_sync(0xffffffffu, v[0], static_cast<int>(offset));
  }
  if constexpr (offset > 1) warp_sums<(n > 1 ? n / 2 : 1), offset / 2>(v);
}

/// The sum over a block of one dimension, in every thread. All threads must call it; their number is a multiple of 32.
/// `scratch` is shared memory for one T for each warp; it may be used again at once.
template <class T>
__device__ T block_sum(T value, T* scratch) {
  const unsigned lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size, warps = blockDim.x / warp_size;
  value = warp_sum(value);
  __syncthreads();  // an earlier sum may still be read
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  return warp_sum(lane < warps ? scratch[lane] : T(0));
}

}  // namespace g2face::cuda
