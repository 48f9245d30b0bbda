#pragma once
// The CUDA names that kernels and their callers use, for a build without CUDA: the same .cu files, compiled as C++, run
// on the host, and under the sanitizers. Test only.
//
// The threads of a block are fibers of one host thread. __syncthreads, __syncwarp and shuffles are meeting points; what
// runs next is drawn with seed(). Thread 0 of a block runs first: if it returns without having waited, the others run
// as a plain loop, and a wait among them is an error (so a kernel in which thread 0 alone never waits cannot run here).
// Dynamic shared memory is exactly as long as asked for, and holds NaN when a block starts. Device memory is poisoned
// under AddressSanitizer while no kernel and no copy runs: host code that touches it stops.
//
// Found: overruns, forgotten and unreachable barriers, lanes that count on running in step. Not found: races between
// blocks, slowness, the rounding of fast math, what only nvcc rejects.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

using cudaStream_t = struct CudaOnHostStream*;
using cudaEvent_t = struct CudaOnHostEvent*;
using cudaGraph_t = struct CudaOnHostGraph*;
using cudaGraphExec_t = struct CudaOnHostGraph*;
using cudaGraphNode_t = struct CudaOnHostNode*;
struct cudaGraphEdgeData;
#define CUDART_VERSION 13000
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };
constexpr unsigned cudaStreamSetCaptureDependencies = 1;
enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal };
constexpr unsigned cudaStreamNonBlocking = 1;
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaMalloc(void** pointer, std::size_t bytes);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int device);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* at, int byte, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* nodes,
                                                const cudaGraphEdgeData* edges, std::size_t count, unsigned flags);
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                     cudaGraph_t* graph, const cudaGraphNode_t** nodes, const cudaGraphEdgeData** edges,
                                     std::size_t* count);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t begin, cudaEvent_t end);

namespace cuda_on_host {

/// The order in which blocks and threads run from now on. 0: ascending.
void seed(std::uint64_t value);
/// Runs a kernel. Throws std::logic_error when threads wait for others that never come, and for launches that no GPU
/// takes.
void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread);
void* shared_memory();
/// Does the work now, or records it if the stream is being captured.
void queue(cudaStream_t stream, std::function<void()> work);
/// A number below n: 0 with seed 0, else drawn.
std::size_t draw(std::size_t n);
/// Sets bytes of device memory.
void fill(void* at, int byte, std::size_t bytes);

/// Waits for the whole block (`lanes` 0) or for those lanes of the warp. `what` and the place stand in messages.
void meet(const char* what, std::uint32_t lanes, const char* file, int line);
/// Waits for those lanes of the warp, and returns what `source` brought.
std::uint64_t exchange(const char* what, std::uint32_t lanes, std::uint64_t bits, int source, const char* file,
                       int line);
int lane();

template <class T>
T exchange_as(const char* what, std::uint32_t lanes, T value, int source, const char* file, int line) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(what, lanes, bits, source, file, line);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace cuda_on_host

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  cuda_on_host::meet("__syncthreads", 0, file, line);
}
inline void __syncwarp(std::uint32_t lanes = 0xffffffffu, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  cuda_on_host::meet("__syncwarp", lanes, file, line);
}
template <class T>
T __shfl_sync(std::uint32_t lanes, T value, int source, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  return cuda_on_host::exchange_as("__shfl_sync", lanes, value, source & 31, file, line);
}
template <class T>
T __shfl_xor_sync(std::uint32_t lanes, T value, int mask, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  return cuda_on_host::exchange_as("__shfl_xor_sync", lanes, value, cuda_on_host::lane() ^ (mask & 31), file, line);
}
template <class T>
T __shfl_down_sync(std::uint32_t lanes, T value, unsigned delta, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  const int source = cuda_on_host::lane() + static_cast<int>(delta);
  return cuda_on_host::exchange_as("__shfl_down_sync", lanes, value, source < 32 ? source : cuda_on_host::lane(), file,
                                   line);
}
