// Streams, events and recorded graphs of the host's stand-in for CUDA, and that it finds what is wrong with them.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "kernels/launch.cuh"

namespace {

using g2face::cuda::launch;

struct Streams {
  std::array<cudaStream_t, 2> of{};
  std::array<cudaEvent_t, 2> events{};
  Streams() {
    for (auto& s : of) REQUIRE(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) == cudaSuccess);
    for (auto& e : events) REQUIRE(cudaEventCreateWithFlags(&e, cudaEventDisableTiming) == cudaSuccess);
  }
  ~Streams() {
    for (auto* s : of) cudaStreamDestroy(s);
    for (auto* e : events) cudaEventDestroy(e);
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  void begin() { REQUIRE(cudaStreamBeginCapture(of[0], cudaStreamCaptureModeThreadLocal) == cudaSuccess); }
  cudaError_t end(cudaGraph_t* graph) { return cudaStreamEndCapture(of[0], graph); }
  /// Stream 1 comes after what stream 0 has recorded, and takes part.
  void fork() {
    REQUIRE(cudaEventRecord(events[0], of[0]) == cudaSuccess);
    REQUIRE(cudaStreamWaitEvent(of[1], events[0]) == cudaSuccess);
  }
  void join() {
    REQUIRE(cudaEventRecord(events[1], of[1]) == cudaSuccess);
    REQUIRE(cudaStreamWaitEvent(of[0], events[1]) == cudaSuccess);
  }
};

void write_value(int* to, int value) { *to = value; }
void add_values(const int* a, const int* b, int* sum) { *sum = *a + *b; }

// {x[1] = 5, then x[2] = 2 x[1]} beside {x[3] = 7}, then x[4] = x[2] + x[3]; `joined_late` takes the sum before the
// join.
std::vector<int> run_branches(bool joined_late) {
  Streams s;
  std::vector<int> x(5), results;
  s.begin();
  launch(write_value, 1, 1, 0, s.of[0], x.data() + 1, 5);
  s.fork();
  launch(add_values, 1, 1, 0, s.of[0], x.data() + 1, x.data() + 1, x.data() + 2);
  launch(write_value, 1, 1, 0, s.of[1], x.data() + 3, 7);
  if (!joined_late) s.join();
  launch(add_values, 1, 1, 0, s.of[0], x.data() + 2, x.data() + 3, x.data() + 4);
  if (joined_late) s.join();
  CHECK(x == std::vector<int>(5));  // nothing has run
  cudaGraph_t graph = nullptr;
  REQUIRE(s.end(&graph) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  cudaGraphDestroy(graph);
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    cuda_on_host::seed(seed);
    for (int run = 0; run < 8; ++run) {
      x.assign(5, -100);
      CHECK(cudaGraphLaunch(executable, s.of[0]) == cudaSuccess);
      results.push_back(x[4]);
    }
  }
  cuda_on_host::seed(0);
  cudaGraphExecDestroy(executable);
  return results;
}

TEST_CASE("branches of a recorded graph run in any order that their events allow") {
  CHECK(run_branches(false) == std::vector<int>(24, 17));
}

TEST_CASE("a missing dependency between branches shows") {
  const std::vector<int> results = run_branches(true);
  CHECK(std::count(results.begin(), results.end(), 17) < 24);
}

TEST_CASE("recordings end where they began, with all their branches joined") {
  Streams s;
  cudaGraph_t graph = nullptr;
  int x = 0;
  s.begin();
  s.fork();
  launch(write_value, 1, 1, 0, s.of[1], &x, 1);
  CHECK(cudaStreamEndCapture(s.of[1], &graph) == cudaErrorStreamCaptureUnmatched);
  CHECK(s.end(&graph) == cudaErrorStreamCaptureInvalidated);
  s.begin();
  s.fork();
  launch(write_value, 1, 1, 0, s.of[1], &x, 1);
  CHECK(s.end(&graph) == cudaErrorStreamCaptureUnjoined);
  CHECK(graph == nullptr);
  CHECK(x == 0);
  launch(write_value, 1, 1, 0, s.of[1], &x, 1);  // no longer recorded
  CHECK(x == 1);
  CHECK(s.end(&graph) == cudaErrorInvalidValue);
}

TEST_CASE("what a library does when it is first called may be done while a stream is recorded") {
  Streams s;
  void* memory = nullptr;
  cudaGraph_t graph = nullptr;
  s.begin();
  {
    const g2face::cuda::RelaxedCapture relaxed;
    CHECK(cudaMalloc(&memory, 4) == cudaSuccess);
  }
  CHECK(s.end(&graph) == cudaSuccess);
  cudaGraphDestroy(graph);
  s.begin();
  CHECK(cudaFree(memory) == cudaErrorStreamCaptureUnsupported);  // no longer
  CHECK(s.end(&graph) == cudaErrorStreamCaptureInvalidated);
  cudaFree(memory);
}

TEST_CASE("while a stream is recorded, nothing may wait for the device or change its memory") {
  Streams s;
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, 4) == cudaSuccess);
  int host = 0;
  const std::function<cudaError_t()> forbidden[] = {
      [&] { return cudaStreamSynchronize(s.of[0]); },
      [] { return cudaDeviceSynchronize(); },
      [&] { return cudaMalloc(&memory, 4); },
      [&] { return cudaFree(memory); },
      [&] { return cudaMemcpy(&host, memory, 4, cudaMemcpyDeviceToHost); },
  };
  for (const auto& call : forbidden) {
    void* const kept = memory;
    cudaGraph_t graph = nullptr;
    s.begin();
    CHECK(call() == cudaErrorStreamCaptureUnsupported);
    CHECK(s.end(&graph) == cudaErrorStreamCaptureInvalidated);
    memory = kept;
    CHECK(cudaStreamSynchronize(s.of[0]) == cudaSuccess);  // usable again
  }
  cudaGraph_t graph = nullptr;
  s.begin();
  s.fork();
  CHECK(cudaEventSynchronize(s.events[0]) == cudaErrorCapturedEvent);
  CHECK(s.end(&graph) == cudaErrorStreamCaptureInvalidated);
  cudaFree(memory);
}

TEST_CASE("a recording does not wait for what is outside of it") {
  Streams s;
  REQUIRE(cudaEventRecord(s.events[0], s.of[1]) == cudaSuccess);
  s.begin();
  CHECK(cudaStreamWaitEvent(s.of[0], s.events[0]) == cudaErrorStreamCaptureIsolation);
  cudaGraph_t graph = nullptr;
  CHECK(s.end(&graph) == cudaErrorStreamCaptureInvalidated);
  s.begin();
  REQUIRE(cudaStreamBeginCapture(s.of[1], cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  REQUIRE(cudaEventRecord(s.events[1], s.of[1]) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(s.of[0], s.events[1]) == cudaErrorStreamCaptureMerge);
  CHECK(s.end(&graph) == cudaErrorStreamCaptureInvalidated);
  CHECK(cudaStreamEndCapture(s.of[1], &graph) == cudaErrorStreamCaptureInvalidated);
}

}  // namespace
