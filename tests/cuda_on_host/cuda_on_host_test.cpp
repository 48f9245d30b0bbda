// That the host's stand-in for CUDA finds the mistakes it is there to find.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "g2face/error.hpp"
#include "kernels/launch.cuh"
#include "kernels/mma.cuh"
#include "kernels/wgmma.cuh"

namespace {

using g2face::cuda::launch;
using g2face::cuda::shared_memory;

template <class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void indices(int* out) {
  const auto i = static_cast<int>(g2face::cuda::thread_index());
  out[i] = i;
}

TEST_CASE("every thread of every block runs once") {
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    cuda_on_host::seed(seed);
    std::vector<int> out(3 * 40, -1);
    launch(indices, 3, 40, 0, nullptr, out.data());
    for (int i = 0; i < 120; ++i) CHECK(out[static_cast<std::size_t>(i)] == i);
  }
  cuda_on_host::seed(0);
}

void reverse(const int* in, int* out, bool with_barrier) {
  int* scratch = shared_memory<int>();
  scratch[threadIdx.x] = in[threadIdx.x];
  if (with_barrier) {
    __syncthreads();
  } else {
    __syncwarp();  // meets half of the block only
  }
  out[threadIdx.x] = scratch[blockDim.x - 1 - threadIdx.x];
}

TEST_CASE("a forgotten barrier shows") {
  std::vector<int> in(64), want(64), out(64);
  for (int i = 0; i < 64; ++i) in[static_cast<std::size_t>(i)] = want[static_cast<std::size_t>(63 - i)] = i;
  bool wrong = false;
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    cuda_on_host::seed(seed);
    launch(reverse, 1, 64, 64 * sizeof(int), nullptr, in.data(), out.data(), true);
    CHECK(out == want);
    launch(reverse, 1, 64, 64 * sizeof(int), nullptr, in.data(), out.data(), false);
    wrong = wrong || out != want;
  }
  CHECK(wrong);
  cuda_on_host::seed(0);
}

void lanes_in_step(int* out) {
  int* scratch = shared_memory<int>();
  __syncwarp();
  scratch[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = scratch[threadIdx.x ^ 1];  // right only if all lanes have written before any reads
}

TEST_CASE("a missing __syncwarp shows") {
  std::vector<int> out(32);
  cuda_on_host::seed(1);
  launch(lanes_in_step, 1, 32, 32 * sizeof(int), nullptr, out.data());
  cuda_on_host::seed(0);
  bool wrong = false;
  for (int i = 0; i < 32; ++i) wrong = wrong || out[static_cast<std::size_t>(i)] != (i ^ 1);
  CHECK(wrong);
}

void barrier_for_some(int limit) {
  if (static_cast<int>(threadIdx.x) < limit) __syncthreads();
}

void two_barriers() {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

void late_wait() {
  if (threadIdx.x == 5) __syncthreads();
}

TEST_CASE("a barrier that not all threads reach is an error that says where") {
  const std::string some = message_of([] { launch(barrier_for_some, 1, 64, 0, nullptr, 48); });
  CHECK(contains(some, "of 64 threads of a block, 48 wait at __syncthreads ("));
  CHECK(contains(some, "cuda_on_host_test.cpp:"));
  CHECK(contains(some, "16 have returned"));
  CHECK(contains(message_of([] { launch(two_barriers, 1, 32, 0, nullptr); }), "in a branch that not all threads take"));
  CHECK(contains(message_of([] { launch(late_wait, 1, 32, 0, nullptr); }), "thread 5 of a block waits"));
  CHECK_NOTHROW(launch(barrier_for_some, 1, 64, 0, nullptr, 64));  // usable after an error
}

void shuffles(int* out, std::uint32_t lanes) {
  const int l = static_cast<int>(threadIdx.x % 32);
  if ((lanes >> l & 1) == 0) return;
  out[threadIdx.x * 3] = __shfl_sync(lanes, 10 * l, 4);
  out[threadIdx.x * 3 + 1] = __shfl_xor_sync(lanes, 10 * l, 3);
  out[threadIdx.x * 3 + 2] = __shfl_down_sync(lanes, 10 * l, 2u);
}

TEST_CASE("shuffles bring what the other lane had") {
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    cuda_on_host::seed(seed);
    std::vector<int> out(64 * 3);
    launch(shuffles, 1, 64, 0, nullptr, out.data(), 0xffffffffu);
    for (int t = 0; t < 64; ++t) {
      const int l = t % 32;
      const auto at = static_cast<std::size_t>(t * 3);
      CHECK(out[at] == 40);
      CHECK(out[at + 1] == 10 * (l ^ 3));
      CHECK(out[at + 2] == (l < 30 ? 10 * (l + 2) : 10 * l));
    }
  }
  cuda_on_host::seed(0);
  std::vector<int> out(32 * 3);
  CHECK(contains(message_of([&] { launch(shuffles, 1, 32, 0, nullptr, out.data(), 0x0000000fu); }),
                 "lane 0 reads lane 4"));
}

void first_of_shared(float* out) {
  out[threadIdx.x] = shared_memory<float>()[threadIdx.x];
  shared_memory<float>()[threadIdx.x] = 1;
}

TEST_CASE("shared memory holds NaN when a block starts") {
  std::vector<float> out(8);
  for (int launches = 0; launches < 2; ++launches) {
    launch(first_of_shared, 2, 8, 8 * sizeof(float), nullptr, out.data());
    for (const float v : out) CHECK(std::isnan(v));
  }
}

void narrow(double* out, float a, std::int64_t b) { *out = static_cast<double>(a) + static_cast<double>(b); }

TEST_CASE("arguments are converted to the kernel's parameter types") {
  double out = 0;
  launch(narrow, 1, 1, 0, nullptr, &out, 0.1, 2);
  CHECK(out == static_cast<double>(0.1f) + 2);
}

void votes(std::uint32_t* out) {
  const bool odd = threadIdx.x % 2 != 0;
  const std::uint32_t ballot = __ballot_sync(0xffffffffu, odd);
  const int any = __any_sync(0xffffffffu, threadIdx.x == 40), all = __all_sync(0xffffffffu, threadIdx.x < 32);
  const int count = __syncthreads_count(odd), some = __syncthreads_or(threadIdx.x == 63);
  const int every = __syncthreads_and(threadIdx.x != 63);
  const std::uint32_t before = __shfl_up_sync(0xffffffffu, threadIdx.x, 1);
  std::uint32_t* mine = out + threadIdx.x * 3;
  mine[0] = ballot;
  mine[1] = static_cast<std::uint32_t>(any * 1000000 + all * 100000 + some * 10000 + every * 1000 + count);
  mine[2] = before;
}

TEST_CASE("votes of a warp and of a block") {
  std::vector<std::uint32_t> out(64 * 3);
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    cuda_on_host::seed(seed);
    launch(votes, 1, 64, 0, nullptr, out.data());
    for (std::uint32_t t = 0; t < 64; ++t) {
      CHECK(out[t * 3] == 0xaaaaaaaau);
      CHECK(out[t * 3 + 1] == (t < 32 ? 110032 : 1010032));
      CHECK(out[t * 3 + 2] == (t % 32 == 0 ? t : t - 1));
    }
  }
  cuda_on_host::seed(0);
}

enum class Mistake { none, no_wait, no_barrier, too_early };

// Each thread reads what its neighbour copied, and brings the next four bytes to the same place.
void copy_twice(const float* in, float* out, Mistake mistake) {
  float* scratch = shared_memory<float>();
  const unsigned t = threadIdx.x, n = blockDim.x;
  for (unsigned round = 0; round < 2; ++round) {
    g2face::cuda::cp_async_4(scratch + t, in + round * n + t);
    g2face::cuda::cp_async_commit();
    if (mistake != Mistake::no_wait) g2face::cuda::cp_async_wait<0>();
    if (mistake != Mistake::no_barrier) __syncthreads();
    out[round * n + t] = scratch[(t + 1) % n];
    if (mistake != Mistake::too_early) __syncthreads();
  }
}

TEST_CASE("asynchronous copies without wait or barrier show") {
  std::vector<float> in(64), want(64), out(64);
  for (std::size_t i = 0; i < 64; ++i) {
    in[i] = static_cast<float>(i);
    want[i] = static_cast<float>(i / 32 * 32 + (i + 1) % 32);
  }
  for (const Mistake mistake : {Mistake::none, Mistake::no_wait, Mistake::no_barrier, Mistake::too_early}) {
    CAPTURE(static_cast<int>(mistake));
    bool wrong = false;
    for (const std::uint64_t seed : {0u, 1u, 2u}) {
      cuda_on_host::seed(seed);
      launch(copy_twice, 1, 32, 32 * sizeof(float), nullptr, in.data(), out.data(), mistake);
      wrong = wrong || out != want;
    }
    CHECK(wrong == (mistake != Mistake::none));
  }
  cuda_on_host::seed(0);
}

void load_matrix(int offset) {
  std::uint32_t r[2];
  g2face::cuda::ldmatrix_x2(r, shared_memory<std::byte>() + offset + 16 * threadIdx.x);
}
void copy_beyond(const float* in, int offset) { g2face::cuda::cp_async_4(shared_memory<std::byte>() + offset, in); }
void multiply_unrounded(float v) {
  const std::uint32_t a[4] = {}, b[2] = {__float_as_uint(v), 0};
  float d[4] = {};
  g2face::cuda::mma_sync<g2face::cuda::tf32>(d, a, b);
}

TEST_CASE("addresses and operands that the instructions do not take are errors") {
  const float in[2] = {};
  CHECK_NOTHROW(launch(load_matrix, 1, 32, 16 * 16, nullptr, 0));
  CHECK(contains(message_of([] { launch(load_matrix, 1, 32, 16 * 17, nullptr, 8); }), "16 does not divide"));
  CHECK(contains(message_of([] { launch(load_matrix, 1, 32, 16 * 16, nullptr, 16); }),
                 "thread 15 gives an address outside the block's dynamic shared memory"));
  CHECK(contains(message_of([&] { launch(copy_beyond, 1, 1, 8, nullptr, in, 8); }), "outside"));
  CHECK(contains(message_of([&] { launch(copy_beyond, 1, 1, 8, nullptr, in, 2); }), "4 does not divide"));
  CHECK_NOTHROW(launch(multiply_unrounded, 1, 32, 0, nullptr, 1.5f));
  CHECK(contains(message_of([] { launch(multiply_unrounded, 1, 32, 0, nullptr, 0.1f); }), "to_tf32 did not round"));
}

enum class ProductMistake { none, no_fence, copies_unfenced, copies_on_the_way, not_waited, overwritten, misaligned };

// One product of a tile of 64 x 64, both operands the same rows.
void multiply_rows(const float* rows, float* out, ProductMistake mistake) {
  using namespace g2face::cuda;
  char* shared = shared_memory<char>();
  shared += -reinterpret_cast<std::uintptr_t>(shared) % 1024;
  for (unsigned i = threadIdx.x; i < 512; i += blockDim.x) cp_async_16(shared + i * 16, rows + i * 4);
  cp_async_commit();
  if (mistake != ProductMistake::copies_on_the_way) cp_async_wait<0>();
  if (mistake != ProductMistake::copies_unfenced) fence_shared_for_products();
  __syncthreads();
  float sums[32] = {};
  const char* const first = shared + (mistake == ProductMistake::misaligned ? 512 : 0);
  if (mistake != ProductMistake::no_fence) wgmma_fence();
  wgmma<g2face::bf16, 64>(sums, first, first);
  wgmma_commit();
  if (mistake == ProductMistake::overwritten) std::memset(shared, 0, 16);
  if (mistake != ProductMistake::not_waited) wgmma_wait<0>();
  for (unsigned i = 0; i < 32; ++i) out[threadIdx.x * 32 + i] = sums[i];
}

TEST_CASE("products of a warpgroup without their fences and waits show") {
  std::vector<std::uint16_t> ones(64 * 64, 0x3f80);
  std::vector<float> rows(ones.size() / 2), out(128 * 32);
  std::memcpy(rows.data(), ones.data(), rows.size() * sizeof(float));
  const auto multiply = [&](ProductMistake mistake) {
    return message_of(
        [&] { launch(multiply_rows, 1, 128, 64 * 128 + 1024, nullptr, rows.data(), out.data(), mistake); });
  };
  const auto all_are = [&](auto predicate) { return std::all_of(out.begin(), out.end(), predicate); };
  CHECK(multiply(ProductMistake::none).empty());
  CHECK(all_are([](float v) { return v == 16; }));
  CHECK(contains(multiply(ProductMistake::no_fence), "no wgmma_fence"));
  CHECK(contains(multiply(ProductMistake::copies_unfenced), "fence_shared_for_products was not called"));
  CHECK(multiply(ProductMistake::copies_on_the_way).empty());
  CHECK(all_are([](float v) { return std::isnan(v); }));
  CHECK(multiply(ProductMistake::not_waited).empty());
  CHECK(all_are([](float v) { return std::isnan(v); }));
  CHECK(contains(multiply(ProductMistake::overwritten), "overwritten before the products were waited for"));
  CHECK(contains(multiply(ProductMistake::misaligned), "multiple of 1024"));
}

void nothing() {}

TEST_CASE("launches that no GPU takes are refused") {
  int out = 0;
  CHECK(contains(message_of([&] { launch(indices, 1, 1025, 0, nullptr, &out); }), "a block has 1 to 1024 threads"));
  CHECK(contains(message_of([&] { launch(indices, 0, 32, 0, nullptr, &out); }), "a grid has at least one block"));
  CHECK(contains(message_of([] { launch(nothing, dim3(1, 65536), 32, 0, nullptr); }), "at most 65535"));
  CHECK(contains(message_of([] { launch(nothing, 1, dim3(1, 1, 65), 0, nullptr); }), "a block has"));
}

TEST_CASE("more than 48 KiB of dynamic shared memory have to be asked for, and 227 KiB are the most") {
  const auto* const kernel = reinterpret_cast<const void*>(&nothing);
  const auto start = [&](std::size_t bytes) {
    return message_of([&] { cuda_on_host::launch(nullptr, kernel, 1, 32, bytes, nothing); });
  };
  CHECK(start(48 << 10).empty());
  CHECK(contains(start((48 << 10) + 1), "the kernel may have 49152 (cudaFuncAttributeMaxDynamicSharedMemorySize)"));
  CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10) == cudaSuccess);
  CHECK(start(64 << 10).empty());
  CHECK(contains(start(65 << 10), "the kernel may have 65536"));
  CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (227 << 10) + 1) ==
        cudaErrorInvalidValue);
  CHECK_NOTHROW(launch(nothing, 1, 32, 227 << 10, nullptr));  // launch() asks
  CHECK_THROWS_AS(launch(nothing, 1, 32, (227 << 10) + 1, nullptr), g2face::DeviceError);
}

TEST_CASE("device memory is freed once, by its address, and is not the host's") {
  void *p = nullptr, *empty = nullptr;
  REQUIRE(cudaMalloc(&p, 16) == cudaSuccess);
  CHECK(cudaMalloc(&empty, 0) == cudaSuccess);
  float host[4] = {1, 2, 3, 4}, back[4] = {};
  CHECK(cudaMemcpy(back, p, 16, cudaMemcpyDeviceToHost) == cudaSuccess);
  for (const float v : back) CHECK(std::isnan(v));
  CHECK(cudaMemcpy(p, host, 16, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemcpy(back, p, 16, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(back[3] == 4);
  CHECK(cudaMemcpy(back, host, 16, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(p, host, 17, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(p, p, 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(host, 0, 16, nullptr) == cudaErrorInvalidValue);
  CHECK(cudaFree(static_cast<char*>(p) + 1) == cudaErrorInvalidValue);
  CHECK(cudaFree(p) == cudaSuccess);
  CHECK(cudaFree(p) == cudaErrorInvalidValue);
  CHECK(cudaFree(nullptr) == cudaSuccess);
  CHECK(cudaMallocHost(&p, 16) == cudaSuccess);
  CHECK(cudaFreeHost(p) == cudaSuccess);
}

}  // namespace
