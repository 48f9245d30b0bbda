// Streams do their work at once, unless they are being captured. What was captured runs in some order that its
// dependencies allow, another one for each seed.
#include "streams.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "memory.hpp"

using Nodes = std::vector<CudaOnHostNode*>;

struct CudaOnHostNode {
  std::size_t index;  // in its graph
  std::function<void()> work;
  Nodes after;  // have lower indices
};
struct CudaOnHostGraph {
  std::vector<std::shared_ptr<CudaOnHostNode>> nodes;  // an executable shares them with its graph
};

namespace {

// A graph in the making, and the streams that take part.
struct Capture {
  CudaOnHostGraph graph;
  cudaStream_t origin = nullptr;
  std::vector<cudaStream_t> streams;
  cudaStreamCaptureMode mode{};
  std::thread::id thread = std::this_thread::get_id();
  bool failed = false;
};

}  // namespace

struct CudaOnHostStream {
  std::shared_ptr<Capture> capture;  // null: not being captured
  Nodes last;                        // what comes next is after these
};
struct CudaOnHostEvent {
  bool has_time = true;
  std::chrono::steady_clock::time_point at;
  std::weak_ptr<Capture> capture;  // in which it was recorded last, after `last`
  Nodes last;
};

namespace cuda_on_host {
namespace {

std::vector<std::weak_ptr<Capture>>& captures_of_thread() {
  thread_local std::vector<std::weak_ptr<Capture>> all;
  return all;
}

cudaStreamCaptureMode& mode_of_thread() {
  thread_local cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  return mode;
}

bool is_capturing(cudaStream_t stream) { return stream != nullptr && stream->capture != nullptr; }

void add_all(Nodes& nodes, const Nodes& more) {
  for (CudaOnHostNode* const n : more) {
    if (std::find(nodes.begin(), nodes.end(), n) == nodes.end()) nodes.push_back(n);
  }
}

// Whether the origin comes after all that the other streams recorded.
bool is_joined(const Capture& capture) {
  const auto& nodes = capture.graph.nodes;
  std::vector<bool> reached(nodes.size(), false);
  for (const CudaOnHostNode* n : capture.origin->last) reached[n->index] = true;
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (!reached[i]) continue;
    for (const CudaOnHostNode* before : nodes[i]->after) reached[before->index] = true;
  }
  return std::all_of(capture.streams.begin(), capture.streams.end(), [&](cudaStream_t stream) {
    return std::all_of(stream->last.begin(), stream->last.end(), [&](const auto* n) { return reached[n->index]; });
  });
}

void run_graph(const CudaOnHostGraph& graph) {
  const OpenDeviceMemory open;  // once for all of it
  const std::size_t count = graph.nodes.size();
  std::vector<std::size_t> waits_for(count), ready;
  std::vector<std::vector<std::size_t>> readers(count);
  for (std::size_t n = 0; n < count; ++n) {
    waits_for[n] = graph.nodes[n]->after.size();
    for (const CudaOnHostNode* before : graph.nodes[n]->after) readers[before->index].push_back(n);
    if (waits_for[n] == 0) ready.push_back(n);
  }
  while (!ready.empty()) {
    const auto place = machine().choose(static_cast<unsigned>(ready.size()));
    const std::size_t n = ready[place];
    ready.erase(ready.begin() + place);
    graph.nodes[n]->work();
    for (const std::size_t reader : readers[n]) {
      if (--waits_for[reader] == 0) ready.push_back(reader);
    }
  }
}

}  // namespace

cudaError_t queue(cudaStream_t stream, std::function<void()> work) {
  if (!is_capturing(stream)) {
    work();
    return cudaSuccess;
  }
  if (stream->capture->failed) return cudaErrorStreamCaptureInvalidated;
  auto& nodes = stream->capture->graph.nodes;
  nodes.push_back(std::make_shared<CudaOnHostNode>(CudaOnHostNode{nodes.size(), std::move(work), stream->last}));
  stream->last = {nodes.back().get()};
  return cudaSuccess;
}

bool forbidden_while_capturing() {
  if (mode_of_thread() == cudaStreamCaptureModeRelaxed) return false;
  auto& all = captures_of_thread();
  std::erase_if(all, [](const auto& capture) { return capture.expired(); });
  bool any = false;
  for (const auto& weak : all) {
    const auto capture = weak.lock();
    if (capture->mode == cudaStreamCaptureModeRelaxed) continue;
    capture->failed = any = true;
  }
  return any;
}

}  // namespace cuda_on_host

using cuda_on_host::is_capturing;

cudaError_t cudaDeviceSynchronize() {
  return cuda_on_host::forbidden_while_capturing() ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CudaOnHostStream;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (is_capturing(stream)) {
    stream->capture->failed = true;
    std::erase(stream->capture->streams, stream);
    if (stream->capture->origin == stream) {
      for (const cudaStream_t s : std::exchange(stream->capture->streams, {})) s->capture = nullptr;
    }
  }
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (!is_capturing(stream)) return cudaSuccess;
  stream->capture->failed = true;
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
  const auto capture = event->capture.lock();
  const bool recording = capture != nullptr && !capture->streams.empty();
  if (!is_capturing(stream)) {
    if (!recording) return cudaSuccess;  // its work is done
    stream->capture = capture;
    stream->last = event->last;
    capture->streams.push_back(stream);
    return cudaSuccess;
  }
  if (stream->capture != capture) {
    stream->capture->failed = true;
    if (!recording) return cudaErrorStreamCaptureIsolation;
    capture->failed = true;
    return cudaErrorStreamCaptureMerge;
  }
  cuda_on_host::add_all(stream->last, event->last);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (stream == nullptr) return cudaErrorStreamCaptureUnsupported;
  if (is_capturing(stream)) return cudaErrorInvalidValue;
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  stream->capture->streams = {stream};
  stream->capture->mode = mode;
  stream->last.clear();
  cuda_on_host::captures_of_thread().push_back(stream->capture);
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!is_capturing(stream)) return cudaErrorInvalidValue;
  const auto capture = stream->capture;
  if (capture->origin != stream || capture->thread != std::this_thread::get_id()) {
    capture->failed = true;
    return cudaErrorStreamCaptureUnmatched;
  }
  const bool joined = cuda_on_host::is_joined(*capture);
  for (const cudaStream_t s : std::exchange(capture->streams, {})) s->capture = nullptr;
  if (capture->failed) return cudaErrorStreamCaptureInvalidated;
  if (!joined) return cudaErrorStreamCaptureUnjoined;
  *graph = new CudaOnHostGraph(std::move(capture->graph));
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, cuda_on_host::mode_of_thread());
  return cudaSuccess;
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* nodes, const cudaGraphEdgeData*,
                                                std::size_t count, unsigned flags) {
  if (!is_capturing(stream) || flags > cudaStreamSetCaptureDependencies) return cudaErrorInvalidValue;
  if (stream->capture->failed) return cudaErrorStreamCaptureInvalidated;
  if (flags == cudaStreamSetCaptureDependencies) stream->last.clear();
  cuda_on_host::add_all(stream->last, Nodes(nodes, nodes + count));
  return cudaSuccess;
}
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long*,
                                     cudaGraph_t*, const cudaGraphNode_t** nodes, const cudaGraphEdgeData**,
                                     std::size_t* count) {
  const bool capturing = is_capturing(stream);
  *status = !capturing                ? cudaStreamCaptureStatusNone
            : stream->capture->failed ? cudaStreamCaptureStatusInvalidated
                                      : cudaStreamCaptureStatusActive;
  *nodes = capturing ? stream->last.data() : nullptr;
  *count = capturing ? stream->last.size() : 0;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  if (graph == nullptr) return cudaErrorInvalidValue;
  *executable = new CudaOnHostGraph(*graph);
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
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (executable == nullptr) return cudaErrorInvalidValue;
  return cuda_on_host::queue(stream, [executable] { cuda_on_host::run_graph(*executable); });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  *event = new CudaOnHostEvent;
  (*event)->has_time = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  if (is_capturing(stream)) {  // a place in the graph, and no work
    event->capture = stream->capture;
    event->last = stream->last;
    return stream->capture->failed ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
  }
  event->capture.reset();
  event->at = std::chrono::steady_clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  const auto capture = event->capture.lock();
  if (capture == nullptr) return cudaSuccess;
  capture->failed = true;
  return cudaErrorCapturedEvent;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t begin, cudaEvent_t end) {
  for (const cudaEvent_t event : {begin, end}) {
    if (event == nullptr || !event->has_time || event->capture.lock() != nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
  }
  *ms = std::chrono::duration<float, std::milli>(end->at - begin->at).count();
  return cudaSuccess;
}
