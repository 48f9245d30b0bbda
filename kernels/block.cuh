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
