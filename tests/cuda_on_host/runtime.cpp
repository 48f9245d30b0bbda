// The runtime of the host's stand-in for CUDA: one device, its memory, and launches.
#include <cuda_runtime.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "machine.hpp"
#include "memory.hpp"
#include "streams.hpp"

namespace cuda_on_host {
namespace {

constexpr std::size_t shared_bytes_unasked = 48 << 10, most_shared_bytes = 227 << 10;
constexpr int multiprocessors = 4;

// How much dynamic shared memory a kernel may be started with.
class SharedLimits {
 public:
  void set(const void* kernel, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    limits_[kernel] = bytes;
  }
  std::size_t of(const void* kernel) {
    const std::lock_guard lock(mutex_);
    const auto found = limits_.find(kernel);
    return found == limits_.end() ? shared_bytes_unasked : std::max(found->second, shared_bytes_unasked);
  }

 private:
  std::mutex mutex_;
  std::map<const void*, std::size_t> limits_;
};
SharedLimits& shared_limits() {
  static SharedLimits all;
  return all;
}

void check_launch(const void* kernel, dim3 grid, dim3 block, std::size_t shared_bytes) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > most_threads || block.z > 64 || grid.x == 0 || grid.x > 0x7fffffffu || grid.y == 0 ||
      grid.y > 65535 || grid.z == 0 || grid.z > 65535) {
    fail("launch: a grid of ", grid.x, 'x', grid.y, 'x', grid.z, " blocks of ", block.x, 'x', block.y, 'x', block.z,
         " threads; a block has 1 to 1024 threads, and a grid has at least one block, and at most 65535 along y and z");
  }
  if (shared_bytes <= shared_bytes_unasked) return;
  const std::size_t limit = shared_limits().of(kernel);
  if (shared_bytes > limit) {
    fail("launch: ", shared_bytes, " bytes of dynamic shared memory; the kernel may have ", limit,
         " (cudaFuncAttributeMaxDynamicSharedMemorySize)");
  }
}

bool fits(Location location, const void* p, std::size_t bytes) { return location_of(p, bytes) == location; }

cudaError_t check_copy(const void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) return cudaSuccess;
  const Location target = kind == cudaMemcpyDeviceToHost ? Location::host : Location::device;
  const Location source = kind == cudaMemcpyHostToDevice ? Location::host : Location::device;
  return fits(target, to, bytes) && fits(source, from, bytes) ? cudaSuccess : cudaErrorInvalidValue;
}

void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  const OpenDeviceMemory open;
  std::memcpy(to, from, bytes);
}

}  // namespace

void launch(cudaStream_t stream, const void* kernel, dim3 grid, dim3 block, std::size_t shared_bytes,
            std::function<void()> thread) {
  check_launch(kernel, grid, block, shared_bytes);
  const cudaError_t error = queue(stream, [grid, block, shared_bytes, thread = std::move(thread)] {
    machine().run(grid, block, shared_bytes, thread);
  });
  if (error != cudaSuccess) fail("launch: ", cudaGetErrorString(error));
}

}  // namespace cuda_on_host

using cuda_on_host::OpenDeviceMemory;

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureMerge:
      return "operation would result in a merge of separate capture sequences";
    case cudaErrorStreamCaptureUnmatched:
      return "capture was not ended in the same stream as it began";
    case cudaErrorStreamCaptureUnjoined:
      return "capturing stream has unjoined work";
    case cudaErrorStreamCaptureIsolation:
      return "dependency created on uncaptured work in another stream";
    case cudaErrorCapturedEvent:
      return "operation not permitted on an event last recorded in a capturing stream";
  }
  return "unknown error";
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = cuda_on_host::multiprocessors;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = 1 << 20;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(cuda_on_host::most_shared_bytes);
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  if (value < 0 || static_cast<std::size_t>(value) > cuda_on_host::most_shared_bytes) return cudaErrorInvalidValue;
  cuda_on_host::shared_limits().set(kernel, static_cast<std::size_t>(value));
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  *pointer = nullptr;
  if (cuda_on_host::forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
  if (bytes == 0) return cudaSuccess;
  *pointer = cuda_on_host::allocate_device_memory(bytes);
  return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
cudaError_t cudaFree(void* pointer) {
  if (cuda_on_host::forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
  return pointer == nullptr || cuda_on_host::release_device_memory(pointer) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  *pointer = nullptr;
  if (cuda_on_host::forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
  if (bytes == 0) return cudaSuccess;
  *pointer = std::malloc(bytes);
  return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
cudaError_t cudaFreeHost(void* pointer) {
  if (cuda_on_host::location_of(pointer, 1) != cuda_on_host::Location::host) return cudaErrorInvalidValue;
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (cuda_on_host::forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
  const cudaError_t error = cuda_on_host::check_copy(to, from, bytes, kind);
  if (error == cudaSuccess) cuda_on_host::copy(to, from, bytes);
  return error;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const cudaError_t error = cuda_on_host::check_copy(to, from, bytes, kind);
  if (error != cudaSuccess) return error;
  return cuda_on_host::queue(stream, [=] { cuda_on_host::copy(to, from, bytes); });
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return cuda_on_host::queue(stream, [=] { function(data); });
}
cudaError_t cudaMemsetAsync(void* at, int byte, std::size_t bytes, cudaStream_t stream) {
  if (bytes > 0 && cuda_on_host::location_of(at, bytes) != cuda_on_host::Location::device) return cudaErrorInvalidValue;
  return cuda_on_host::queue(stream, [=] {
    const OpenDeviceMemory open;
    if (bytes > 0) std::memset(at, byte, bytes);
  });
}
