#include "kernels/cuda/runtime.hpp"

#include "g2face/error.hpp"

namespace g2face::cuda {

void check_call(cudaError_t error, const char* call) {
  check<DeviceError>(error == cudaSuccess, call, ": ", cudaGetErrorString(error));
}

namespace {

int attribute(cudaDeviceAttr name) {
  int device = 0, value = 0;
  check_call(cudaGetDevice(&device), "cudaGetDevice");
  check_call(cudaDeviceGetAttribute(&value, name, device), "cudaDeviceGetAttribute");
  return value;
}

}  // namespace

int multiprocessors() { return attribute(cudaDevAttrMultiProcessorCount); }

bool has_wgmma() {
#ifdef G2FACE_SM_90A
  return attribute(cudaDevAttrComputeCapabilityMajor) == 9;
#else
  return false;
#endif
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
