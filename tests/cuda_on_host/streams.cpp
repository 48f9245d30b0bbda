// Streams do their work at once, unless they are being captured.
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

struct CudaOnHostNode {
  std::function<void()> work;
  std::vector<CudaOnHostNode*> after;
};
struct CudaOnHostGraph {
  std::vector<std::unique_ptr<CudaOnHostNode>> nodes;  // each after those that it waits for
};
struct CudaOnHostStream {
  bool capturing = false;
  CudaOnHostGraph captured;
  std::vector<CudaOnHostNode*> next_after;  // what the next node waits for
};
struct CudaOnHostEvent {
  std::chrono::steady_clock::time_point at;
};

namespace cuda_on_host {

void queue(cudaStream_t stream, std::function<void()> work) {
  if (stream == nullptr || !stream->capturing) return work();
  auto node = std::make_unique<CudaOnHostNode>(CudaOnHostNode{std::move(work), stream->next_after});
  stream->next_after = {node.get()};
  stream->captured.nodes.push_back(std::move(node));
}

}  // namespace cuda_on_host

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidValue; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CudaOnHostStream;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return stream != nullptr && stream->capturing ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  cuda_on_host::queue(stream, [=] { static_cast<void>(cudaMemcpy(to, from, bytes, kind)); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* at, int byte, std::size_t bytes, cudaStream_t stream) {
  cuda_on_host::queue(stream, [=] { cuda_on_host::fill(at, byte, bytes); });
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream == nullptr || stream->capturing) return cudaErrorInvalidValue;
  stream->capturing = true;
  stream->next_after.clear();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (stream == nullptr || !stream->capturing) return cudaErrorInvalidValue;
  stream->capturing = false;
  *graph = new CudaOnHostGraph(std::exchange(stream->captured, {}));
  return cudaSuccess;
}
cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* nodes, const cudaGraphEdgeData*,
                                                std::size_t count, unsigned flags) {
  if (!stream->capturing || flags != cudaStreamSetCaptureDependencies) return cudaErrorInvalidValue;
  stream->next_after.assign(nodes, nodes + count);
  return cudaSuccess;
}
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long*,
                                     cudaGraph_t*, const cudaGraphNode_t** nodes, const cudaGraphEdgeData**,
                                     std::size_t* count) {
  *status = stream->capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  *nodes = stream->next_after.data();
  *count = stream->next_after.size();
  return cudaSuccess;
}

// The graph itself goes on as the executable; what the caller holds and destroys is then empty.
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  *executable = new CudaOnHostGraph(std::exchange(*graph, {}));
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

// Any order in which each node comes after those that it waits for: a dependency that was forgotten shows.
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  std::vector<const CudaOnHostNode*> open;
  for (const auto& node : executable->nodes) open.push_back(node.get());
  std::vector<const CudaOnHostNode*> done;
  while (!open.empty()) {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < open.size() && ready.size() < 8; ++i) {
      const auto& after = open[i]->after;
      const bool waits = std::any_of(after.begin(), after.end(), [&](const CudaOnHostNode* n) {
        return std::find(done.begin(), done.end(), n) == done.end();
      });
      if (!waits) ready.push_back(i);
    }
    const std::size_t chosen = ready[cuda_on_host::draw(ready.size())];
    cuda_on_host::queue(stream, open[chosen]->work);
    done.push_back(open[chosen]);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CudaOnHostEvent;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  cuda_on_host::queue(stream, [event] { event->at = std::chrono::steady_clock::now(); });
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t begin, cudaEvent_t end) {
  *ms = std::chrono::duration<float, std::milli>(end->at - begin->at).count();
  return cudaSuccess;
}
