// Sums in a fixed order, which depends on the shape alone. Axes that are walked without a jump are joined first; then
// - rows: where the last axis in memory is summed, a block (a warp, if there is little to sum) makes one sum. Its
//   threads read neighbouring vectors of 16 bytes; block_sum adds up what they have.
// - columns: where the last axis is kept, or next to nothing is summed, a block makes the sums of 32 neighbouring
//   vectors, with eight threads for each, whose sums are added up in shared memory.
// If that makes too few blocks to fill a GPU, each sum is cut into parts, which lie in the workspace until a second
// launch, in columns, adds them up. Every element is read once, and next to nothing is written.

#include <algorithm>
#include <type_traits>
#include <vector>

#include "kernels/block.cuh"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/index_space.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

constexpr std::int64_t enough_blocks = 8 * 132;  // to fill the largest GPUs
constexpr unsigned lanes = cuda::warp_size, column_threads = cuda::threads_per_block / lanes;
template <class T>
constexpr int full_width = sizeof(cuda::Bytes16) / sizeof(T);
constexpr std::int64_t shortest_row = 32, longest_warp_row = 512;  // vectors

/// f32 is summed in double: what is left of sums that nearly cancel keeps its digits, and memory takes longer anyway.
template <class T>
using Total = std::conditional_t<std::is_same_v<T, float>, double, cuda::Sum<T>>;

/// y[kept + part * part_step] = sum of x[kept + reduced] over the reduced elements of the part, in vectors.
struct Problem {
  cuda::Walk<2> kept;  // operands: x, y
  cuda::Walk<1> reduced;
  std::uint32_t parts = 1;
  std::int64_t part_step = 0;

  __device__ std::uint32_t first(std::uint32_t part) const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(reduced.size()) * part / parts);
  }
};

template <class In, int width, class Out>
__global__ void sum_rows_kernel(const In* x, Out* y, Problem p) {
  using Sum = Total<In>;
  using Vector = cuda::Vector<In, width>;
  const std::uint32_t sums = p.kept.size() * p.parts;
  for (std::uint32_t item = blockIdx.x; item < sums; item += gridDim.x) {
    const std::uint32_t part = item / p.kept.size(), end = p.first(part + 1);
    std::int64_t at[2], offset[1];
    p.kept.locate(item - part * p.kept.size(), at);
    Sum sum = 0;
    for (std::uint32_t k = p.first(part) + threadIdx.x; k < end; k += blockDim.x) {
      p.reduced.locate(k, offset);
      const Vector v = reinterpret_cast<const Vector*>(x)[at[0] + offset[0]];
      Sum of_vector = 0;
      for (int j = 0; j < width; ++j) of_vector += cuda::convert_to<Sum>(v.at[j]);
      sum += of_vector;
    }
    sum = cuda::block_sum(sum, cuda::shared_memory<Sum>());
    if (threadIdx.x == 0) y[at[1] + part * p.part_step] = cuda::convert_to<Out>(sum);
  }
}

template <class In, int width, class Out>
__global__ void sum_columns_kernel(const In* x, Out* y, Problem p) {
  using Sum = Total<In>;
  using Vector = cuda::Vector<In, width>;
  Sum* const shared = cuda::shared_memory<Sum>();  // [thread of a column][element of a vector][lane]
  const std::uint32_t lane = threadIdx.x % lanes, row = threadIdx.x / lanes;
  const std::uint32_t tiles = (p.kept.size() + lanes - 1) / lanes;
  for (std::uint32_t item = blockIdx.x; item < tiles * p.parts; item += gridDim.x) {
    const std::uint32_t part = item / tiles, end = p.first(part + 1);
    const std::uint32_t column = (item - part * tiles) * lanes + lane;
    std::int64_t at[2] = {}, offset[1];
    Sum sum[width] = {};
    if (column < p.kept.size()) {
      p.kept.locate(column, at);
      for (std::uint32_t k = p.first(part) + row; k < end; k += column_threads) {
        p.reduced.locate(k, offset);
        const Vector v = reinterpret_cast<const Vector*>(x)[at[0] + offset[0]];
        for (int j = 0; j < width; ++j) sum[j] += cuda::convert_to<Sum>(v.at[j]);
      }
    }
    for (unsigned j = 0; j < width; ++j) shared[(row * width + j) * lanes + lane] = sum[j];
    __syncthreads();
    // Each row of threads adds up one element of the vectors.
    if (row < width && column < p.kept.size()) {
      Sum total = 0;
      for (unsigned r = 0; r < column_threads; ++r) total += shared[(r * width + row) * lanes + lane];
      y[at[1] * width + row + part * p.part_step] = cuda::convert_to<Out>(total);
    }
    __syncthreads();
  }
}

/// All elements of x; operands: x, its sum. The axes that are summed are those along which the sum stands still.
cuda::IndexSpace space_of(const ReduceAttrs& a, const TensorDesc& x) {
  Shape kept = x.type.shape;
  for (const int axis : a.axes) kept = kept.with(axis, 1);
  const TensorDesc sum{{x.type.dtype, kept}, Layout::nchw};
  cuda::IndexSpace space = cuda::broadcast_space(x, {&sum, 1});
  space.coalesce();
  return space;
}

struct Split {
  cuda::IndexSpace kept, reduced;
};

Split split(const cuda::IndexSpace& space) {
  Split s;
  for (const auto& axis : space.axes) (axis.step[1] != 0 ? s.kept : s.reduced).axes.push_back(axis);
  return s;
}

/// The same space with the sums one after the other in the order of its axes, as partial sums lie.
cuda::IndexSpace with_dense_sums(cuda::IndexSpace space) {
  std::int64_t step = 1;
  for (auto axis = space.axes.rbegin(); axis != space.axes.rend(); ++axis) {
    if (axis->step[1] == 0) continue;
    axis->step[1] = step;
    step *= axis->extent;
  }
  return space;
}

/// The sums of the partial sums, dense in the order of `space`, where its operand 1 has them.
Problem second_pass(const cuda::IndexSpace& space, std::int64_t parts) {
  cuda::IndexSpace kept = split(with_dense_sums(space)).kept;
  const cuda::IndexSpace results = split(space).kept;
  for (std::size_t i = 0; i < kept.axes.size(); ++i) {
    kept.axes[i].step = {kept.axes[i].step[1], results.axes[i].step[1]};
  }
  cuda::IndexSpace reduced;
  reduced.axes = {{parts, {kept.size(), 0}}};
  return {cuda::Walk<2>(kept), cuda::Walk<1>(reduced)};
}

template <class In, int width, class Out>
void launch_columns(const Problem& p, const In* x, Out* y, cudaStream_t stream) {
  const std::uint32_t tiles = (p.kept.size() + lanes - 1) / lanes;
  cuda::launch(sum_columns_kernel<In, width, Out>, std::min(tiles * p.parts, 1u << 20), cuda::threads_per_block,
               cuda::threads_per_block * width * sizeof(Total<In>), stream, x, y, p);
}

template <class In, int width, class Out>
void launch_rows(const Problem& p, const In* x, Out* y, cudaStream_t stream) {
  const bool warp = p.reduced.size() / p.parts <= longest_warp_row;
  const unsigned threads = warp ? cuda::warp_size : cuda::threads_per_block;
  cuda::launch(sum_rows_kernel<In, width, Out>, std::min(p.kept.size() * p.parts, 1u << 20), threads,
               threads / cuda::warp_size * sizeof(Total<In>), stream, x, y, p);
}

/// A launch that makes sums, or parts of them.
struct Pass {
  Problem problem;
  bool rows = false, vectors = false;

  template <class In, class Out>
  void run(const In* x, Out* y, cudaStream_t stream) const {
    constexpr int width = full_width<In>;
    if (rows) {
      vectors ? launch_rows<In, width>(problem, x, y, stream) : launch_rows<In, 1>(problem, x, y, stream);
    } else {
      vectors ? launch_columns<In, width>(problem, x, y, stream) : launch_columns<In, 1>(problem, x, y, stream);
    }
  }
};

Pass first_pass(const cuda::IndexSpace& space, bool rows, std::int64_t width) {
  // The sums of columns are vectors as well.
  const std::size_t operands = rows ? 1 : 2;
  const bool vectors = space.vector_width(operands, width) == width;
  const Split s = split(space.in_vectors(operands, vectors ? width : 1));
  return {{cuda::Walk<2>(s.kept), cuda::Walk<1>(s.reduced)}, rows, vectors};
}

/// Enough parts to fill a GPU, but none so short that adding it up again costs more.
std::uint32_t parts_of(const Pass& pass) {
  const std::int64_t sums = pass.problem.kept.size(), length = pass.problem.reduced.size();
  const std::int64_t blocks = pass.rows ? sums : (sums + lanes - 1) / lanes;
  const std::int64_t shortest_part = pass.rows ? 2 * longest_warp_row : 8 * column_threads;
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(length / shortest_part, 1, (enough_blocks + blocks - 1) / blocks));
}

template <class In, class Out>
Step make_step(const cuda::IndexSpace& space, bool rows) {
  using Sum = Total<In>;
  const std::int64_t sums = split(space).kept.size();
  Pass first = first_pass(with_dense_sums(space), rows, full_width<In>);
  const std::uint32_t parts = parts_of(first);
  Step step;
  step.kernel = str("reduce ", rows ? "rows" : "columns", parts > 1 ? " in parts" : "");
  if constexpr (std::is_floating_point_v<Out>) {  // results of 16 bits are too rare for kernels of their own
    if (parts == 1) {
      step.run = [pass = first_pass(space, rows, full_width<In>)](const Buffers& b, Stream& stream) {
        pass.run(b.get<In>(0), b.out_as<Out>(), cuda::stream_of(stream));
      };
      return step;
    }
  }
  first.problem.parts = parts;
  first.problem.part_step = sums;
  step.workspace = static_cast<std::size_t>(sums * parts) * sizeof(Sum);
  step.run = [first, second = second_pass(space, parts)](const Buffers& b, Stream& stream) {
    auto* const partial = static_cast<Sum*>(b.workspace);
    first.run(b.get<In>(0), partial, cuda::stream_of(stream));
    launch_columns<Sum, 1>(second, partial, b.out_as<Out>(), cuda::stream_of(stream));
  };
  return step;
}

Step zeros_step(std::size_t bytes) {
  Step step;
  step.kernel = "reduce zeros";
  step.run = [bytes](const Buffers& b, Stream& stream) {
    cuda::check_call(cudaMemsetAsync(b.out[0], 0, bytes, cuda::stream_of(stream)), "cudaMemsetAsync");
  };
  return step;
}

bool is_summed(const ReduceAttrs& a, int axis) { return std::find(a.axes.begin(), a.axes.end(), axis) != a.axes.end(); }

}  // namespace

std::optional<Step> reduce_cuda(const ReduceAttrs& a, const Signature& s) {
  const TensorDesc& x = s.in[0];
  const DType result = s.out[0].type.dtype;
  if (s.out[0].layout != Layout::nchw) return std::nullopt;
  if (x.type.shape.numel() == 0) return zeros_step(s.out[0].bytes());
  const cuda::IndexSpace space = space_of(a, x);
  const Split whole = split(space);
  if (whole.kept.size() > cuda::Walk<2>::max_size || whole.reduced.size() > cuda::Walk<1>::max_size)
    return std::nullopt;
  const bool rows = !space.axes.empty() && space.axes.back().step[1] == 0 && whole.reduced.size() >= shortest_row;
  return cuda::with_float(cuda::storage_of(x), [&]<class In>(In) {
    if constexpr (!std::is_floating_point_v<In>) {
      if (result != DType::f32) return make_step<In, In>(space, rows);
    }
    return make_step<In, cuda::Sum<In>>(space, rows);
  });
}

std::vector<LayoutChoice> reduce_cuda_layouts(const ReduceAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision) {
  std::vector<LayoutChoice> choices = cuda::uniform_choices(in, in, precision);
  // Sums that keep channels and pixels would have to be transposed on the way.
  const bool in_order = in[0].shape.rank() == 4 && (is_summed(a, 1) || (is_summed(a, 2) && is_summed(a, 3)));
  if (!in_order) choices.resize(1);
  for (LayoutChoice& choice : choices) choice.out.assign(out.size(), Layout::nchw);
  return choices;
}

}  // namespace g2face
