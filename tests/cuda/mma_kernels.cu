#include "cuda/mma_kernels.hpp"
#include "kernels/launch.cuh"
#include "kernels/mma.cuh"
#include "kernels/wgmma.cuh"

namespace g2face::test {
namespace {

using cuda::tf32;

struct Lane {
  unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
};

__device__ void read_tile(const float* c, float (&d)[4]) {
  const auto [g, t] = Lane();
  for (unsigned i = 0; i < 4; ++i) d[i] = c[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
}
__device__ void write_tile(const float (&d)[4], float* c) {
  const auto [g, t] = Lane();
  for (unsigned i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

template <class T>
__global__ void multiply_kernel(const float* a, const float* b, const float* c, float* y) {
  const auto [g, t] = Lane();
  std::uint32_t of_a[4], of_b[2];
  float d[4];
  read_tile(c, d);
  if constexpr (cuda::mma_depth<T> == 16) {
    for (unsigned i = 0; i < 4; ++i) {
      const float* pair = a + (g + i % 2 * 8) * 16 + 2 * t + i / 2 * 8;
      of_a[i] = cuda::pack<T>(pair[0], pair[1]);
    }
    for (unsigned i = 0; i < 2; ++i) {
      const float* upper = b + (2 * t + 8 * i) * 8 + g;
      of_b[i] = cuda::pack<T>(upper[0], upper[8]);
    }
  } else {
    for (unsigned i = 0; i < 4; ++i) of_a[i] = cuda::to_tf32(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
    for (unsigned i = 0; i < 2; ++i) of_b[i] = cuda::to_tf32(b[(t + i * 4) * 8 + g]);
  }
  cuda::mma_sync<T>(d, of_a, of_b);
  write_tile(d, y);
}

// A row is two pieces of 16 bytes: 8 elements of 16 bits each, or 4 of tf32.
template <class T>
__global__ void multiply_loaded_kernel(const std::uint32_t* a, const std::uint32_t* b, const float* c, float* y) {
  std::uint32_t* scratch = cuda::shared_memory<std::uint32_t>();  // a: 16 rows of 8 words, then b: 8 rows
  const unsigned l = threadIdx.x;
  cuda::cp_async_16(scratch + 4 * l, a + 4 * l);
  cuda::cp_async_commit();
  if (l < 16) cuda::cp_async_16(scratch + 128 + 4 * l, b + 4 * l);
  cuda::cp_async_commit();
  float d[4];
  read_tile(c, d);
  cuda::cp_async_wait<0>();
  __syncwarp();
  std::uint32_t of_a[4], of_b[2];
  cuda::ldmatrix_x4(of_a, scratch + l % 16 * 8 + l / 16 * 4);
  cuda::ldmatrix_x2(of_b, scratch + 128 + l % 8 * 8 + l / 8 % 2 * 4);
  cuda::mma_sync<T>(d, of_a, of_b);
  write_tile(d, y);
}

// Rows are 8 pieces of 16 bytes, swapped by the row.
__device__ void copy_rows(char* to, const std::uint32_t* from, unsigned rows) {
  for (unsigned i = threadIdx.x; i < rows * 8; i += blockDim.x) {
    cuda::cp_async_16(to + i / 8 * 128 + ((i % 8) ^ (i / 8 % 8)) * 16, from + i * 4);
  }
}

template <class T, int columns>
__global__ void multiply_warpgroup_kernel(const std::uint32_t* a, const std::uint32_t* b, const float* c, float* d) {
#if G2FACE_WGMMA
  char* shared = cuda::shared_memory<char>();
  shared += -reinterpret_cast<std::uintptr_t>(shared) % 1024;
  char* const rows_of_b = shared + 64 * 128;
  copy_rows(shared, a, 64);
  copy_rows(rows_of_b, b, columns);
  cuda::cp_async_commit();
  const unsigned lane = threadIdx.x % 32, first = threadIdx.x / 32 * 16 + lane / 4;
  const auto at = [=](unsigned i) { return (first + i % 4 / 2 * 8) * columns + i / 4 * 8 + 2 * (lane % 4) + i % 2; };
  float sums[columns / 2];
  for (unsigned i = 0; i < columns / 2; ++i) sums[i] = c[at(i)];
  cuda::cp_async_wait<0>();
  cuda::fence_shared_for_products();
  __syncthreads();
  cuda::wgmma_fence();
  for (int k = 0; k < 128; k += 32) cuda::wgmma<T, columns>(sums, shared + k, rows_of_b + k);
  cuda::wgmma_commit();
  cuda::wgmma_wait<0>();
  cuda::keep_below(sums);
  for (unsigned i = 0; i < columns / 2; ++i) d[at(i)] = sums[i];
#endif
}

__global__ void load_matrices_kernel(Load load, const std::uint16_t* rows, std::uint32_t* registers) {
  std::uint16_t* scratch = cuda::shared_memory<std::uint16_t>();
  for (unsigned i = 0; i < 8; ++i) scratch[threadIdx.x * 8 + i] = rows[threadIdx.x * 8 + i];
  __syncwarp();
  std::uint32_t r[4] = {}, pair[2] = {};
  if (load == Load::x4) cuda::ldmatrix_x4(r, scratch + threadIdx.x * 8);
  if (load == Load::x4_trans) cuda::ldmatrix_x4_trans(r, scratch + threadIdx.x * 8);
  if (load == Load::x2) cuda::ldmatrix_x2(pair, scratch + threadIdx.x * 8);
  for (unsigned i = 0; i < 4; ++i) registers[threadIdx.x * 4 + i] = load != Load::x2 ? r[i] : i < 2 ? pair[i] : 0;
}

template <int bytes>
__device__ void copy(void* to, const void* from, bool valid) {
  if constexpr (bytes == 4) cuda::cp_async_4(to, from, valid);
  if constexpr (bytes == 8) cuda::cp_async_8(to, from, valid);
  if constexpr (bytes == 16) cuda::cp_async_16(to, from, valid);
}

template <int bytes>
__global__ void copy_even_kernel(const std::uint32_t* x, std::uint32_t* y) {
  constexpr unsigned words = bytes / 4;
  std::uint32_t* scratch = cuda::shared_memory<std::uint32_t>();
  const unsigned first = threadIdx.x * words, all = blockDim.x * words;
  copy<bytes>(scratch + first, x + first, threadIdx.x % 2 == 0);
  cuda::cp_async_commit();
  copy<bytes>(scratch + all + first, x + first, true);  // of no interest, and still under way after the first wait
  cuda::cp_async_commit();
  cuda::cp_async_wait<1>();
  __syncthreads();
  const unsigned neighbour = (threadIdx.x + 1) % blockDim.x * words;
  for (unsigned i = 0; i < words; ++i) y[first + i] = scratch[neighbour + i];
  cuda::cp_async_wait<0>();
}

template <class T>
__global__ void round_trip_kernel(const float* x, std::uint32_t* pairs, float* back, int n) {
  for (std::int64_t i = cuda::thread_index(); i < n / 2; i += cuda::thread_count()) {
    pairs[i] = cuda::pack<T>(x[2 * i], x[2 * i + 1]);
    const float2 two = cuda::unpack<T>(pairs[i]);
    back[2 * i] = two.x;
    back[2 * i + 1] = cuda::to_f32(cuda::from_f32<T>(x[2 * i + 1]));
  }
}

__global__ void round_to_tf32_kernel(const float* x, std::uint32_t* bits, int n) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) bits[i] = cuda::to_tf32(x[i]);
}

}  // namespace

template <class T>
void multiply_tile(const float* a, const float* b, const float* c, float* d) {
  cuda::launch(multiply_kernel<T>, 1, 32, 0, nullptr, a, b, c, d);
}
template void multiply_tile<bf16>(const float*, const float*, const float*, float*);
template void multiply_tile<f16>(const float*, const float*, const float*, float*);
template void multiply_tile<tf32>(const float*, const float*, const float*, float*);

template <class T>
void multiply_loaded_tile(const std::uint32_t* a, const std::uint32_t* b_transposed, const float* c, float* d) {
  cuda::launch(multiply_loaded_kernel<T>, 1, 32, (16 + 8) * 32, nullptr, a, b_transposed, c, d);
}
template void multiply_loaded_tile<bf16>(const std::uint32_t*, const std::uint32_t*, const float*, float*);
template void multiply_loaded_tile<f16>(const std::uint32_t*, const std::uint32_t*, const float*, float*);
template void multiply_loaded_tile<tf32>(const std::uint32_t*, const std::uint32_t*, const float*, float*);

template <class T>
void multiply_warpgroup(int columns, const std::uint32_t* a, const std::uint32_t* b, const float* c, float* d) {
  auto* const kernel = columns == 64    ? multiply_warpgroup_kernel<T, 64>
                       : columns == 128 ? multiply_warpgroup_kernel<T, 128>
                                        : multiply_warpgroup_kernel<T, 256>;
  const auto rows = static_cast<std::size_t>(64 + columns);
  cuda::launch(kernel, 1, cuda::warpgroup_size, rows * 128 + 1024 - 16, nullptr, a, b, c, d);
}
template void multiply_warpgroup<bf16>(int, const std::uint32_t*, const std::uint32_t*, const float*, float*);
template void multiply_warpgroup<f16>(int, const std::uint32_t*, const std::uint32_t*, const float*, float*);

void load_matrices(Load load, const std::uint16_t* rows, std::uint32_t* registers) {
  cuda::launch(load_matrices_kernel, 1, 32, 32 * 16, nullptr, load, rows, registers);
}

void copy_even(int bytes, const std::uint32_t* x, std::uint32_t* y, int threads) {
  auto* const kernel = bytes == 4 ? copy_even_kernel<4> : bytes == 8 ? copy_even_kernel<8> : copy_even_kernel<16>;
  const auto n = static_cast<unsigned>(threads);
  cuda::launch(kernel, 1, n, std::size_t{2} * n * static_cast<unsigned>(bytes), nullptr, x, y);
}

template <class T>
void round_trip(const float* x, std::uint32_t* pairs, float* back, int n) {
  cuda::launch(round_trip_kernel<T>, 2, 32, 0, nullptr, x, pairs, back, n);
}
template void round_trip<bf16>(const float*, std::uint32_t*, float*, int);
template void round_trip<f16>(const float*, std::uint32_t*, float*, int);

void round_to_tf32(const float* x, std::uint32_t* bits, int n) {
  cuda::launch(round_to_tf32_kernel, 2, 32, 0, nullptr, x, bits, n);
}

}  // namespace g2face::test
