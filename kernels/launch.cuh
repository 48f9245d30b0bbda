#pragma once
// Starting kernels. The same source is compiled by nvcc and, for tests without a GPU, as C++ with tests/cuda_on_host,
// which supplies the CUDA names that are used here and in the kernels.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "kernels/cuda/runtime.hpp"

namespace g2face::cuda {

/// Index of this thread among all threads of a one-dimensional launch, and their number: the start and the stride of a
/// loop over elements.
inline __device__ std::int64_t thread_index() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
inline __device__ std::int64_t thread_count() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

/// The dynamic shared memory of the block, as many bytes as launch() was told, 16-byte aligned.
template <class T>
__device__ T* shared_memory() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char g2face_shared_memory[];
  return reinterpret_cast<T*>(g2face_shared_memory);
#else
  return static_cast<T*>(cuda_on_host::shared_memory());
#endif
}

constexpr unsigned threads_per_block = 256;

/// Blocks for a loop over n elements; a thread takes several when there are very many.
inline dim3 blocks_for(std::int64_t n) {
  const std::int64_t blocks = (n + threads_per_block - 1) / threads_per_block;
  return {static_cast<unsigned>(std::clamp<std::int64_t>(blocks, 1, 1 << 20))};
}

/// Starts a kernel on a stream. Arguments are converted to the kernel's parameter types first.
template <class... Parameters, class... Args>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            Args... args) {
  static_assert(sizeof...(Parameters) == sizeof...(Args), "as many arguments as the kernel has parameters");
  std::tuple<Parameters...> converted(static_cast<Parameters>(args)...);
  // More than this a kernel gets on each device only when asked for.
  constexpr std::size_t shared_bytes_unasked = 48 << 10;
  if (shared_bytes > shared_bytes_unasked) {
    check_call(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shared_bytes)),
               "cudaFuncSetAttribute");
  }
#ifdef __CUDACC__
  std::apply(
      [&](Parameters&... parameters) {
        void* addresses[] = {&parameters...};
        check_call(
            cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, addresses, shared_bytes, stream),
            "cudaLaunchKernel");
      },
      converted);
#else
  cuda_on_host::launch(stream, reinterpret_cast<const void*>(kernel), grid, block, shared_bytes,
                       [=] { std::apply(kernel, converted); });
#endif
}

}  // namespace g2face::cuda
