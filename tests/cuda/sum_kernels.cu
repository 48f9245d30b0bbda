#include "cuda/sum_kernels.hpp"
#include "kernels/block.cuh"
#include "kernels/launch.cuh"

namespace g2face::test {
namespace {

// Sums each row of x twice, so that the scratch memory is used again at once.
__global__ void row_sums_kernel(const float* x, float* sums, int columns) {
  float* scratch = cuda::shared_memory<float>();
  for (int pass = 0; pass < 2; ++pass) {
    float sum = 0;
    for (unsigned j = threadIdx.x; j < static_cast<unsigned>(columns); j += blockDim.x) {
      sum += x[static_cast<unsigned>(columns) * blockIdx.x + j];
    }
    sum = cuda::block_sum(sum, scratch);
    // Each thread writes, so that a thread with another sum is seen.
    sums[(2 * blockIdx.x + static_cast<unsigned>(pass)) * blockDim.x + threadIdx.x] = sum;
  }
}

}  // namespace

void row_sums(const float* x, float* sums, int rows, int columns, int threads) {
  cuda::launch(row_sums_kernel, static_cast<unsigned>(rows), static_cast<unsigned>(threads),
               static_cast<unsigned>(threads) / cuda::warp_size * sizeof(float), nullptr, x, sums, columns);
}

}  // namespace g2face::test
