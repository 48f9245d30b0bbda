// Memory, streams and recordings of CUDA devices, for executors.

#include "backend.hpp"

#include <cuda_runtime.h>

#include <map>
#include <memory>
#include <mutex>

#include "g2face/error.hpp"
#include "kernels/cuda/cublas.hpp"
#include "kernels/cuda/cudnn.hpp"
#include "kernels/cuda/nccl.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face {
namespace {

using cuda::check_call;
using cuda::stream_of;

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int index) : index_(index) {}

  void enter() override { check_call(cudaSetDevice(index_), "cudaSetDevice"); }
  std::byte* allocate(std::size_t bytes) override {
    enter();
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes);
    if (error == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());  // it would be reported again by the next call
      throw DeviceError(str("cuda:", index_, " is out of memory: ", bytes, " bytes were needed"));
    }
    check_call(error, "cudaMalloc");
    return static_cast<std::byte*>(memory);
  }

  void release(std::byte* memory, std::size_t) noexcept override { cudaFree(memory); }
  void forget(std::byte*, std::size_t) override {}
  bool on_host() const override { return false; }
  bool records() const override { return true; }

  Stream open_stream() override {
    enter();
    cudaStream_t stream = nullptr;
    check_call(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    return {Device::cuda(index_), stream};
  }
  void close_stream(Stream& stream) noexcept override {
    cudaSetDevice(index_);
    cudaStreamSynchronize(stream_of(stream));
    cudaStreamDestroy(stream_of(stream));
  }

  void copy_in(void* to, const void* host, std::size_t bytes, Stream& stream) override {
    copy(to, host, bytes, cudaMemcpyHostToDevice, stream);
  }
  void copy_out(void* host, const void* from, std::size_t bytes, Stream& stream) override {
    copy(host, from, bytes, cudaMemcpyDeviceToHost, stream);
  }
  void fill(void* at, int byte, std::size_t bytes, Stream& stream) override {
    if (bytes == 0) return;
    enter();
    check_call(cudaMemsetAsync(at, byte, bytes, stream_of(stream)), "cudaMemsetAsync");
  }
  void finish(Stream& stream) override {
    enter();
    check_call(cudaStreamSynchronize(stream_of(stream)), "cudaStreamSynchronize");
  }

  // One stream captures all of it; what a piece waits for is set by hand, so that the graph has just the edges that the
  // work needs, and independent branches run side by side.
  std::shared_ptr<void> record(Stream& stream, std::span<const std::function<void()>> work,
                               std::span<const std::vector<int>> after) override {
    enter();
    const cudaStream_t s = stream_of(stream);
    check_call(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    cudaGraph_t graph = nullptr;
    try {
      std::vector<std::vector<cudaGraphNode_t>> last(work.size());  // of each piece
      for (std::size_t i = 0; i < work.size(); ++i) {
        std::vector<cudaGraphNode_t> wait_for;
        for (const int j : after[i]) {
          const auto& nodes = last[static_cast<std::size_t>(j)];
          wait_for.insert(wait_for.end(), nodes.begin(), nodes.end());
        }
        cuda::set_capture_dependencies(s, wait_for);
        work[i]();
        last[i] = cuda::capture_dependencies(s);
      }
    } catch (...) {
      cudaStreamEndCapture(s, &graph);
      if (graph != nullptr) cudaGraphDestroy(graph);
      throw;
    }
    check_call(cudaStreamEndCapture(s, &graph), "cudaStreamEndCapture");
    cudaGraphExec_t executable = nullptr;
    const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    check_call(error, "cudaGraphInstantiate");
    return {executable, [](void* e) { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(e)); }};
  }
  void replay(void* recording, Stream& stream) override {
    enter();
    check_call(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording), stream_of(stream)), "cudaGraphLaunch");
  }

  std::vector<double> time(Stream& stream, std::span<const std::function<void()>> work) override {
    enter();
    const auto new_event = [] {
      cudaEvent_t event = nullptr;
      check_call(cudaEventCreate(&event), "cudaEventCreate");
      return std::shared_ptr<void>(event, [](void* e) { cudaEventDestroy(static_cast<cudaEvent_t>(e)); });
    };
    std::vector<std::shared_ptr<void>> events{new_event()};
    const auto mark = [&] {
      check_call(cudaEventRecord(static_cast<cudaEvent_t>(events.back().get()), stream_of(stream)), "cudaEventRecord");
    };
    mark();
    for (const auto& piece : work) {
      piece();
      events.push_back(new_event());
      mark();
    }
    finish(stream);
    std::vector<double> seconds;
    for (std::size_t i = 0; i + 1 < events.size(); ++i) {
      float ms = 0;
      check_call(cudaEventElapsedTime(&ms, static_cast<cudaEvent_t>(events[i].get()),
                                      static_cast<cudaEvent_t>(events[i + 1].get())),
                 "cudaEventElapsedTime");
      seconds.push_back(static_cast<double>(ms) * 1e-3);
    }
    return seconds;
  }
  std::size_t cache_bytes() override {
    int bytes = 0;
    check_call(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, index_), "cudaDeviceGetAttribute");
    return static_cast<std::size_t>(bytes);
  }
  void connect(Communicator& ranks) override {
    enter();
    if (!ranks.on_device()) ranks.connect(cuda::nccl_transport(ranks, index_));
  }

 private:
  void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Stream& stream) {
    if (bytes == 0) return;
    enter();
    check_call(cudaMemcpyAsync(to, from, bytes, kind, stream_of(stream)), "cudaMemcpyAsync");
    finish(stream);
  }

  int index_;
};

}  // namespace

int cuda_device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  return 0;
}

CudaReport cuda_report() {
  const auto text = [](int version) { return version == 0 ? "none" : str(version / 1000, ".", version % 1000 / 10); };
  CudaReport report;
  report.in_build = true;
  report.architectures = G2FACE_CUDA_ARCHITECTURES;
  int runtime = 0, driver = 0;
  check_call(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  check_call(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  report.runtime = text(runtime);
  report.driver = text(driver);
  const int count = cuda_device_count();
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp gpu{};
    check_call(cudaGetDeviceProperties(&gpu, i), "cudaGetDeviceProperties");
    report.gpus.push_back(
        {gpu.name, str("sm_", gpu.major, gpu.minor), static_cast<double>(gpu.totalGlobalMem) / (1 << 30)});
  }
  return report;
}

std::vector<std::pair<std::string, std::string>> cuda_libraries() {
  std::vector<std::pair<std::string, std::string>> all;
  if (const auto version = cuda::cublaslt_version()) all.emplace_back("cuBLASLt", *version);
  if (const auto version = cuda::cudnn_version()) all.emplace_back("cuDNN", *version);
  if (const auto version = cuda::nccl_version()) all.emplace_back("NCCL", *version);
  return all;
}

Backend& cuda_backend(int index) {
  static std::mutex mutex;
  static std::map<int, std::unique_ptr<CudaBackend>> all;
  const std::lock_guard lock(mutex);
  const auto it = all.find(index);
  if (it != all.end()) return *it->second;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  check<DeviceError>(error == cudaSuccess, "device cuda:", index, ": no CUDA device can be used here (",
                     cudaGetErrorString(error), "): install NVIDIA's driver or choose --device cpu");
  check<DeviceError>(index >= 0 && index < count, "device cuda:", index, ": this machine has ", count,
                     " CUDA device(s), counted from 0");
  return *all.emplace(index, std::make_unique<CudaBackend>(index)).first->second;
}

}  // namespace g2face
