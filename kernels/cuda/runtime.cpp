#include "kernels/cuda/runtime.hpp"

#include "g2face/error.hpp"

namespace g2face::cuda {

void check_call(cudaError_t error, const char* call) {
  check<DeviceError>(error == cudaSuccess, call, ": ", cudaGetErrorString(error));
}

}  // namespace g2face::cuda
