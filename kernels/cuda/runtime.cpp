#include <cuda_runtime.h>

#include "g2face/error.hpp"
#include "kernels/launch.cuh"

namespace g2face::cuda {

void check_call(cudaError_t error, const char* call) {
  check<DeviceError>(error == cudaSuccess, call, ": ", cudaGetErrorString(error));
}

}  // namespace g2face::cuda
