// Mistakes that only the sanitizer can see: each has to stop this program with its report.
#include <cuda_runtime.h>

#include <cstdio>
#include <string_view>

#include "kernels/launch.cuh"

namespace {

void one_too_many(float* out) {
  float* scratch = g2face::cuda::shared_memory<float>();
  scratch[threadIdx.x + 1] = 1;  // the last thread writes beyond
  __syncthreads();
  out[threadIdx.x] = scratch[threadIdx.x];
}

void beyond_the_result(float* out) { out[g2face::cuda::thread_index()] = 1; }

}  // namespace

int main(int argc, char** argv) {
  const std::string_view fault = argc > 1 ? argv[1] : "";
  float* device = nullptr;
  if (cudaMalloc(reinterpret_cast<void**>(&device), 32 * sizeof(float)) != cudaSuccess) return 1;
  if (fault == "shared_memory") {
    g2face::cuda::launch(one_too_many, 1, 32, 32 * sizeof(float), nullptr, device);
  } else if (fault == "device_memory") {
    g2face::cuda::launch(beyond_the_result, 1, 33, 0, nullptr, device);
  } else if (fault == "released_memory") {
    cudaFree(device);
    g2face::cuda::launch(beyond_the_result, 1, 32, 0, nullptr, device);
    return 0;
  } else if (fault == "host_access") {
    std::printf("%f\n", static_cast<double>(device[0]));
  }
  std::puts("nothing was noticed");
  cudaFree(device);
}
