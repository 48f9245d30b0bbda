// A block makes one row, and reads it twice: the second time mostly from a cache.

#include <cmath>
#include <limits>

#include "kernels/block.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

/// The largest value of a block, in every thread. All threads must call it.
template <class T>
__device__ T block_max(T value, T* scratch) {
  for (unsigned offset = cuda::warp_size / 2; offset > 0; offset /= 2) {
    const T other = __shfl_xor_sync(0xffffffffu, value, static_cast<int>(offset));
    value = other > value ? other : value;
  }
  if (threadIdx.x % cuda::warp_size == 0) scratch[threadIdx.x / cuda::warp_size] = value;
  __syncthreads();
  for (unsigned warp = 0; warp < blockDim.x / cuda::warp_size; ++warp) {
    value = scratch[warp] > value ? scratch[warp] : value;
  }
  return value;
}

template <class T>
__global__ void log_sum_exp_kernel(const T* x, T* y, std::int64_t n) {
  auto* scratch = cuda::shared_memory<T>();
  x += blockIdx.x * n;
  T largest = x[0];
  for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) largest = x[i] > largest ? x[i] : largest;
  largest = block_max(largest, scratch);
  T sum = 0;
  for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += std::exp(x[i] - largest);
  sum = cuda::block_sum(sum, scratch);
  if (threadIdx.x == 0) y[blockIdx.x] = std::isinf(largest) ? largest : largest + std::log(sum);
}

template <class T>
Step step_of(const Signature& s) {
  Step step;
  step.kernel = "log_sum_exp cuda";
  step.run = [rows = s.out[0].type.shape.numel(), n = s.in[0].type.shape[-1]](const Buffers& b, Stream& stream) {
    if (rows == 0) return;
    constexpr unsigned threads = cuda::threads_per_block;
    cuda::launch(log_sum_exp_kernel<T>, static_cast<unsigned>(rows), threads, threads / cuda::warp_size * sizeof(T),
                 cuda::stream_of(stream), b.get<T>(0), b.out_as<T>(), n);
  };
  return step;
}

}  // namespace

std::optional<Step> log_sum_exp_cuda(const NoAttrs&, const Signature& s) {
  if (s.out[0].type.shape.numel() > std::numeric_limits<int>::max()) return std::nullopt;
  if (cuda::is_plain(s, DType::f32)) return step_of<float>(s);
  if (cuda::is_plain(s, DType::f64)) return step_of<double>(s);
  return std::nullopt;
}

}  // namespace g2face
