// The indices are parameters of the launch: they lie in constant memory when the kernel starts, and no copy has to wait
// for the host. A block brings them into shared memory, where threads may read different ones at once, and then handles
// many elements; more indices than a launch has parameters for are several launches.

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/index_space.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

constexpr std::int64_t capacity = 896;     // of 4 KiB of parameters; the rest is for the others
constexpr unsigned most_blocks = 8 * 132;  // about what runs at once: each pays for its table

std::size_t as_size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct Table {
  std::uint32_t count = 0;
  std::int32_t entry[capacity] = {};

  void add(std::int64_t value) { entry[count++] = static_cast<std::int32_t>(value); }
  /// The entries in shared memory; all threads of the block must call it.
  __device__ const std::int32_t* shared() const {
    auto* copy = cuda::shared_memory<std::int32_t>();
    for (std::uint32_t i = threadIdx.x; i < count; i += blockDim.x) copy[i] = entry[i];
    __syncthreads();
    return copy;
  }
};

/// Both kernels walk over [outer, slices of the result, inner]. Operands: result, source, place in the table.
using GatherWalk = cuda::Walk<3>;

template <class T>
__global__ void gather_kernel(const T* x, T* y, GatherWalk walk, std::int64_t inner, Table index) {
  const std::int32_t* slice = index.shared();
  for (std::int64_t i = cuda::thread_index(); i < walk.size(); i += cuda::thread_count()) {
    std::int64_t at[3];
    walk.locate(static_cast<std::uint32_t>(i), at);
    y[at[0]] = x[at[1] + slice[at[2]] * inner];
  }
}

/// The table begins with where the slices of each result begin in it, and ends where the last ones do. `add`: the
/// slices are more of those that the results already hold.
template <class T>
__global__ void gather_grad_kernel(const T* dy, T* dx, GatherWalk walk, std::int64_t inner, bool add, Table slices) {
  const std::int32_t* table = slices.shared();
  for (std::int64_t i = cuda::thread_index(); i < walk.size(); i += cuda::thread_count()) {
    std::int64_t at[3];
    walk.locate(static_cast<std::uint32_t>(i), at);
    using Sum = cuda::Sum<T>;
    Sum sum = add ? cuda::convert_to<Sum>(dx[at[0]]) : Sum(0);
    for (std::int32_t k = table[at[2]]; k < table[at[2] + 1]; ++k) {
      sum += cuda::convert_to<Sum>(dy[at[1] + table[k] * inner]);
    }
    dx[at[0]] = cuda::convert_to<T>(sum);
  }
}

struct Launch {
  GatherWalk walk;
  Table table;
  bool add = false;
};

/// What lies outside and inside of an axis in memory.
struct Split {
  std::int64_t outer = 1, inner = 1;
};

Split split(const TensorDesc& value, int axis) {
  Split s;
  bool inside = false;
  for (const int a : cuda::memory_order(value)) {
    if (a == axis) {
      inside = true;
    } else {
      (inside ? s.inner : s.outer) *= value.type.shape[a];
    }
  }
  return s;
}

/// Slices [first, first + count) of a result with `result_slices` of them, from a source with `source_slices`.
cuda::IndexSpace slices_space(const Split& s, std::int64_t first, std::int64_t count, std::int64_t result_slices,
                              std::int64_t source_slices) {
  cuda::IndexSpace space;
  space.axes = {
      {s.outer, {result_slices * s.inner, source_slices * s.inner, 0}}, {count, {s.inner, 0, 1}}, {s.inner, {1, 1, 0}}};
  space.begin[0] = first * s.inner;
  return space;
}

void add_launches(cuda::IndexSpace space, const Table& table, bool add, std::vector<Launch>& launches) {
  if (space.size() == 0) return;
  space.coalesce();
  for (const cuda::IndexSpace& piece : space.pieces(GatherWalk::max_size)) {
    launches.push_back({GatherWalk(piece), table, add});
  }
}

dim3 blocks_of(const Launch& launch) { return {std::min(most_blocks, cuda::blocks_for(launch.walk.size()).x)}; }

template <class T>
Step gather_step(const GatherAttrs& a, const Split& s) {
  const auto count = static_cast<std::int64_t>(a.index.size());
  std::vector<Launch> launches;
  for (std::int64_t first = 0; first < count; first += capacity) {
    Table table;
    for (std::int64_t i = first; i < std::min(count, first + capacity); ++i) table.add(a.index[as_size(i)]);
    add_launches(slices_space(s, first, table.count, count, a.extent), table, false, launches);
  }
  Step step;
  step.kernel = sizeof(T) == sizeof(cuda::Bytes16) ? "gather vectors" : "gather elements";
  step.run = [launches, inner = s.inner](const Buffers& b, Stream& stream) {
    for (const Launch& l : launches) {
      cuda::launch(gather_kernel<T>, blocks_of(l), cuda::threads_per_block, l.table.count * sizeof(std::int32_t),
                   cuda::stream_of(stream), b.get<T>(0), b.out_as<T>(), l.walk, inner, l.table);
    }
  };
  return step;
}

constexpr std::int64_t most_added = capacity - 2;  // to one result by one launch

/// For each slice of x, the slices of y that are picked from it, in ascending order.
std::vector<std::vector<std::int64_t>> picked_from(const GatherAttrs& a) {
  std::vector<std::vector<std::int64_t>> slices(as_size(a.extent));
  for (std::size_t i = 0; i < a.index.size(); ++i) slices[as_size(a.index[i])].push_back(static_cast<std::int64_t>(i));
  return slices;
}

/// The table of results, of each the slices [from, from + most_added).
Table adding_table(std::span<const std::vector<std::int64_t>> results, std::int64_t from) {
  const auto added = [from](const std::vector<std::int64_t>& slices) {
    return std::span(slices).subspan(as_size(from)).first(std::min(slices.size() - as_size(from), as_size(most_added)));
  };
  Table table;
  std::size_t place = results.size() + 1;
  for (const auto& slices : results) {
    table.add(static_cast<std::int64_t>(place));
    place += added(slices).size();
  }
  table.add(static_cast<std::int64_t>(place));
  for (const auto& slices : results) {
    for (const std::int64_t slice : added(slices)) table.add(slice);
  }
  return table;
}

template <class T>
Step gather_grad_step(const GatherAttrs& a, const Split& s) {
  const std::vector<std::vector<std::int64_t>> slices = picked_from(a);
  const auto entries = [&](std::int64_t result) {
    return 1 + static_cast<std::int64_t>(slices[as_size(result)].size());
  };
  std::vector<Launch> launches;
  for (std::int64_t first = 0, count = 0; first < a.extent; first += count) {
    // As many results as fit into a table; one with too many slices has several launches for itself.
    std::int64_t used = 1;
    for (count = 0; first + count < a.extent && used + entries(first + count) <= capacity; ++count) {
      used += entries(first + count);
    }
    count = std::max<std::int64_t>(count, 1);
    for (std::int64_t from = 0; from == 0 || from + 1 < entries(first); from += most_added) {
      const Table table = adding_table(std::span(slices).subspan(as_size(first), as_size(count)), from);
      const auto picked = static_cast<std::int64_t>(a.index.size());
      add_launches(slices_space(s, first, count, a.extent, picked), table, from > 0, launches);
      if (count > 1) break;
    }
  }
  Step step;
  step.kernel = "gather_grad elements";
  step.run = [launches, inner = s.inner](const Buffers& b, Stream& stream) {
    for (const Launch& l : launches) {
      cuda::launch(gather_grad_kernel<T>, blocks_of(l), cuda::threads_per_block, l.table.count * sizeof(std::int32_t),
                   cuda::stream_of(stream), b.get<T>(0), b.out_as<T>(), l.walk, inner, l.add, l.table);
    }
  };
  return step;
}

bool is_possible(const GatherAttrs& a, const Signature& s) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  return cuda::is_uniform(s) && a.extent <= most && static_cast<std::int64_t>(a.index.size()) <= most;
}

}  // namespace

std::optional<Step> gather_cuda(const GatherAttrs& a, const Signature& s) {
  if (!is_possible(a, s)) return std::nullopt;
  Split around = split(s.in[0], a.axis);
  const std::size_t element = size_of(cuda::storage_of(s.in[0]));
  const std::int64_t width = std::gcd(around.inner, static_cast<std::int64_t>(sizeof(cuda::Bytes16) / element));
  around.inner /= width;
  const std::size_t bytes = element * as_size(width);
  if (bytes == sizeof(cuda::Bytes16)) return gather_step<cuda::Bytes16>(a, around);
  return cuda::with_unsigned(bytes, [&]<class T>(T) { return gather_step<T>(a, around); });
}

std::optional<Step> gather_grad_cuda(const GatherAttrs& a, const Signature& s) {
  if (!is_possible(a, s)) return std::nullopt;
  return cuda::with_dtype(cuda::storage_of(s.out[0]),
                          [&]<class T>(T) { return gather_grad_step<T>(a, split(s.out[0], a.axis)); });
}

std::vector<LayoutChoice> gather_cuda_layouts(const GatherAttrs&, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision) {
  return cuda::uniform_choices(in, out, precision);
}

std::vector<LayoutChoice> gather_grad_cuda_layouts(const GatherAttrs& a, std::span<const Type> in,
                                                   std::span<const Type> out, Precision precision) {
  // Sums that several launches add to must not be rounded to 16 bits between them.
  const bool at_once = static_cast<std::int64_t>(a.index.size()) <= most_added;
  return cuda::uniform_choices(in, out, at_once ? precision : Precision::strict);
}

}  // namespace g2face
