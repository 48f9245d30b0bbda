#pragma once

#include <cuda_runtime.h>

#include <vector>

namespace g2face::cuda {

/// Throws DeviceError with the call and CUDA's words for the error, unless there is none.
void check_call(cudaError_t error, const char* call);

/// Of the current device.
int multiprocessors();
/// Whether it multiplies by warpgroups, and this program has the code for it.
bool has_wgmma();

/// What the next work on a stream that is being captured waits for: nodes of the graph.
void set_capture_dependencies(cudaStream_t stream, std::vector<cudaGraphNode_t>& nodes);
std::vector<cudaGraphNode_t> capture_dependencies(cudaStream_t stream);

/// While one lives, this thread may do what a library does when it is first called, even while it records: load
/// kernels, get memory.
class RelaxedCapture {
 public:
  RelaxedCapture();
  ~RelaxedCapture();
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace g2face::cuda
