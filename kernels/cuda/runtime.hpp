#pragma once

#include <cuda_runtime.h>

namespace g2face::cuda {

/// Throws DeviceError with the call and CUDA's words for the error, unless there is none.
void check_call(cudaError_t error, const char* call);

}  // namespace g2face::cuda
