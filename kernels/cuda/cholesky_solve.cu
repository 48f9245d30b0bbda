// A block solves one system. The triangle a = u^T u, its columns in a row so that nothing is wasted on the other half,
// and the right sides lie in shared memory, or in a workspace when they are too large for it. Columns are finished one
// after the other: a thread owns elements of what is left, so every sum has the order of the columns.

#include <cmath>

#include "kernels/block.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

constexpr int threads = 256, lanes = static_cast<int>(cuda::warp_size), warps = threads / lanes;
constexpr std::size_t most_shared = 96 << 10;  // every generation since Ampere has it

/// Row k of u, from its diagonal on, begins here less k: element (k, j) is at row_start(k, n) + j.
__device__ std::int64_t row_start(std::int64_t k, std::int64_t n) { return k * n - k * (k + 1) / 2; }

template <class T>
struct Systems {
  const T *a, *b;
  T *x, *ok;
  T* outside;  // scratch for each block where shared memory does not do, else null
  std::int64_t n, columns;

  /// Elements: u and x.
  __host__ __device__ std::int64_t scratch() const { return n * (n + 1) / 2 + n * columns; }
};

template <class T>
__global__ void __launch_bounds__(threads) cholesky_solve_kernel(const Systems<T> s) {
  const std::int64_t n = s.n, triangle = n * (n + 1) / 2, thread = threadIdx.x;
  T* u = s.outside == nullptr ? cuda::shared_memory<T>() : s.outside + blockIdx.x * s.scratch();
  T* x = u + triangle;
  const T *a = s.a + blockIdx.x * n * n, *b = s.b + blockIdx.x * n * s.columns;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i + thread; j < n; j += threads) u[row_start(i, n) + j] = a[i * n + j];
  }
  for (std::int64_t i = thread; i < n * s.columns; i += threads) x[i] = b[i];
  __syncthreads();

  // Every thread sees the same pivots, so all leave together.
  bool ok = true;
  const std::int64_t warp = thread / lanes, lane = thread % lanes;
  for (std::int64_t k = 0; k < n; ++k) {
    T* row = u + row_start(k, n);
    const T pivot = row[k];
    ok = pivot > 0 && std::isfinite(pivot);
    if (!ok) break;
    const T scale = 1 / std::sqrt(pivot);
    __syncthreads();  // all have read the pivot
    for (std::int64_t j = k + thread; j < n; j += threads) row[j] *= scale;
    for (std::int64_t c = thread; c < s.columns; c += threads) x[k * s.columns + c] *= scale;
    __syncthreads();
    for (std::int64_t i = k + 1 + warp; i < n; i += warps) {
      T* to = u + row_start(i, n);
      const T factor = row[i];
      for (std::int64_t j = i + lane; j < n; j += lanes) to[j] -= factor * row[j];
      for (std::int64_t c = lane; c < s.columns; c += lanes) x[i * s.columns + c] -= factor * x[k * s.columns + c];
    }
    __syncthreads();
  }
  for (std::int64_t k = n - 1; ok && k >= 0; --k) {
    for (std::int64_t c = thread; c < s.columns; c += threads) x[k * s.columns + c] /= u[row_start(k, n) + k];
    __syncthreads();
    for (std::int64_t i = thread; i < k * s.columns; i += threads) {
      x[i] -= u[row_start(i / s.columns, n) + k] * x[k * s.columns + i % s.columns];
    }
    __syncthreads();
  }

  for (std::int64_t i = thread; i < n * s.columns; i += threads) ok = ok && std::isfinite(x[i]);
  ok = __syncthreads_and(ok ? 1 : 0) != 0;
  T* out = s.x + blockIdx.x * n * s.columns;
  for (std::int64_t i = thread; i < n * s.columns; i += threads) out[i] = ok ? x[i] : T(0);
  if (thread == 0) s.ok[blockIdx.x] = ok ? T(1) : T(0);
}

template <class T>
Step solve_step(const Shape& b) {
  Systems<T> s{};
  s.n = b[1];
  s.columns = b[2];
  const std::size_t bytes = static_cast<std::size_t>(s.scratch()) * sizeof(T);
  const bool shared = bytes <= most_shared;
  Step step;
  step.kernel = shared ? "cholesky_solve cuda:shared" : "cholesky_solve cuda:workspace";
  step.workspace = shared ? 0 : bytes * static_cast<std::size_t>(b[0]);
  step.run = [s, bytes, shared, batch = b[0]](const Buffers& buffers, Stream& stream) {
    if (batch == 0) return;
    Systems<T> own = s;
    own.a = buffers.get<T>(0);
    own.b = buffers.get<T>(1);
    own.x = buffers.out_as<T>();
    own.ok = buffers.out_as<T>(1);
    own.outside = shared ? nullptr : static_cast<T*>(buffers.workspace);
    cuda::launch(cholesky_solve_kernel<T>, static_cast<unsigned>(batch), threads, shared ? bytes : 0,
                 cuda::stream_of(stream), own);
  };
  return step;
}

}  // namespace

std::optional<Step> cholesky_solve_cuda(const NoAttrs&, const Signature& s) {
  if (cuda::is_plain(s, DType::f32)) return solve_step<float>(s.in[1].type.shape);
  if (cuda::is_plain(s, DType::f64)) return solve_step<double>(s.in[1].type.shape);
  return std::nullopt;
}

}  // namespace g2face
