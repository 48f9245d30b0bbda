#pragma once
// One launch over many tensors, for optimizers: their tensors are hundreds and mostly small. The table of where they
// lie is a parameter of the launch, so no copy has to wait for the host; more tensors than it holds are several
// launches. A block handles one chunk of one tensor, which it finds in the table.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "g2face/graph/step.hpp"
#include "kernels/launch.cuh"

namespace g2face::cuda {

constexpr std::int64_t tensor_chunk = 8192;  // elements of a block: eight times four for each thread

template <int inputs, int outputs>
struct TensorTable {
  struct Entry {
    const float* in[inputs];
    float* out[outputs];
    std::int64_t n;
    std::uint32_t first_block;
  };
  // Of 4 KiB of parameters; the rest is for the function.
  static constexpr int capacity = static_cast<int>((4096 - 128) / sizeof(Entry));

  Entry entry[capacity];
  int count = 0;
  std::uint32_t blocks = 0;

  bool full() const { return count == capacity; }
  void add(const Entry& e) {
    entry[count] = e;
    entry[count++].first_block = blocks;
    blocks += static_cast<std::uint32_t>((e.n + tensor_chunk - 1) / tensor_chunk);
  }
  /// The entry of this block.
  __device__ int find() const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (entry[middle].first_block <= blockIdx.x) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }
};

/// f.prepared() is called once by every thread and gives what f(const float* in, float* out) is called on, for each
/// element with its values of all inputs. Results may lie where inputs do.
template <int inputs, int outputs, class F>
__global__ void multi_tensor_kernel(TensorTable<inputs, outputs> table, F f) {
  const auto prepared = f.prepared();
  const auto& e = table.entry[table.find()];
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x - e.first_block) * tensor_chunk;
  const std::int64_t end = begin + tensor_chunk < e.n ? begin + tensor_chunk : e.n;
  constexpr int lanes = 4;  // chunks begin on 16 bytes, as tensors do
  std::int64_t i = begin + threadIdx.x * lanes;
  for (; i + lanes <= end; i += static_cast<std::int64_t>(blockDim.x) * lanes) {
    float4 in[inputs], out[outputs];
#pragma unroll
    for (int k = 0; k < inputs; ++k) in[k] = *reinterpret_cast<const float4*>(e.in[k] + i);
#pragma unroll
    for (int l = 0; l < lanes; ++l) {
      float x[inputs], y[outputs];
#pragma unroll
      for (int k = 0; k < inputs; ++k) x[k] = reinterpret_cast<const float*>(&in[k])[l];
      prepared(x, y);
#pragma unroll
      for (int k = 0; k < outputs; ++k) reinterpret_cast<float*>(&out[k])[l] = y[k];
    }
#pragma unroll
    for (int k = 0; k < outputs; ++k) *reinterpret_cast<float4*>(e.out[k] + i) = out[k];
  }
  for (; i < end; ++i) {  // the last few of a tensor, in the one thread that they fall to
    float x[inputs], y[outputs];
    for (int k = 0; k < inputs; ++k) x[k] = e.in[k][i];
    prepared(x, y);
    for (int k = 0; k < outputs; ++k) e.out[k][i] = y[k];
  }
}

/// Runs f over tensors of n[t] elements. in(t, k) and out(t, k) say which buffers input and output k of tensor t are.
template <int inputs, int outputs, class F, class In, class Out>
void run_multi_tensor(const Buffers& b, std::span<const std::int64_t> n, const In& in, const Out& out, const F& f,
                      cudaStream_t stream) {
  using Table = TensorTable<inputs, outputs>;
  Table table;
  const auto start = [&] {
    if (table.blocks > 0) {
      launch(multi_tensor_kernel<inputs, outputs, F>, table.blocks, threads_per_block, 16, stream, table, f);
    }
    table.count = 0;
    table.blocks = 0;
  };
  for (std::size_t t = 0; t < n.size(); ++t) {
    if (n[t] == 0) continue;
    typename Table::Entry e{};
    for (int k = 0; k < inputs; ++k) e.in[k] = b.get<float>(in(static_cast<int>(t), k));
    for (int k = 0; k < outputs; ++k) e.out[k] = b.out_as<float>(out(static_cast<int>(t), k));
    e.n = n[t];
    table.add(e);
    if (table.full()) start();
  }
  start();
}

}  // namespace g2face::cuda
