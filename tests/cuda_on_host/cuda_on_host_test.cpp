// That the host's stand-in for CUDA finds the mistakes it is there to find.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/launch.cuh"

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

TEST_CASE("launches that no GPU takes are refused") {
  int out = 0;
  CHECK(contains(message_of([&] { launch(indices, 1, 1025, 0, nullptr, &out); }), "a block has 1 to 1024 threads"));
  CHECK(contains(message_of([&] { launch(indices, 0, 32, 0, nullptr, &out); }), "a grid has at least one block"));
}

TEST_CASE("device memory is freed once, by its address") {
  void* p = nullptr;
  REQUIRE(cudaMalloc(&p, 16) == cudaSuccess);
  CHECK(cudaFree(static_cast<char*>(p) + 1) == cudaErrorInvalidValue);
  CHECK(cudaFree(p) == cudaSuccess);
  CHECK(cudaFree(nullptr) == cudaSuccess);
}

}  // namespace
