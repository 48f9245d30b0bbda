#include "kernels/cuda/runtime.hpp"

#include "g2face/error.hpp"

namespace g2face::cuda {

void check_call(cudaError_t error, const char* call) {
  check<DeviceError>(error == cudaSuccess, call, ": ", cudaGetErrorString(error));
}

int multiprocessors() {
  int device = 0, count = 0;
  check_call(cudaGetDevice(&device), "cudaGetDevice");
  check_call(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
  return count;
}

RelaxedCapture::RelaxedCapture() {
  check_call(cudaThreadExchangeStreamCaptureMode(&mode_), "cudaThreadExchangeStreamCaptureMode");
}
RelaxedCapture::~RelaxedCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }

// CUDA 13 gave both calls another list of arguments.
void set_capture_dependencies(cudaStream_t stream, std::vector<cudaGraphNode_t>& nodes) {
#if CUDART_VERSION >= 13000
  const cudaError_t error = cudaStreamUpdateCaptureDependencies(stream, nodes.data(), nullptr, nodes.size(),
                                                                cudaStreamSetCaptureDependencies);
#else
  const cudaError_t error =
      cudaStreamUpdateCaptureDependencies(stream, nodes.data(), nodes.size(), cudaStreamSetCaptureDependencies);
#endif
  check_call(error, "cudaStreamUpdateCaptureDependencies");
}

std::vector<cudaGraphNode_t> capture_dependencies(cudaStream_t stream) {
  cudaStreamCaptureStatus status{};
  const cudaGraphNode_t* nodes = nullptr;
  std::size_t count = 0;
#if CUDART_VERSION >= 13000
  const cudaError_t error = cudaStreamGetCaptureInfo(stream, &status, nullptr, nullptr, &nodes, nullptr, &count);
#else
  const cudaError_t error = cudaStreamGetCaptureInfo_v2(stream, &status, nullptr, nullptr, &nodes, &count);
#endif
  check_call(error, "cudaStreamGetCaptureInfo");
  return {nodes, nodes + count};
}

}  // namespace g2face::cuda
