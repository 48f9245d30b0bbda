// Elementwise programs in one pass over memory: every operand is read once and every result written once, whatever the
// length of the program. The program is a parameter of the kernel, so it lies in constant memory and all threads take
// the same branches.
//
// pointwise_lanes_kernel: a thread has eight neighbours along the innermost axis of two lines, 16 values that share the
// decoding of each operation. In nhwc that is eight channels of two pixels; rows of nchw serve as well. Of 16-bit
// features a thread moves 16 bytes at once. What is repeated along an axis comes from the first-level cache.
// pointwise_kernel: a thread for each element, any shape and any steps.
// Programs that the networks use most are compiled instead: pointwise_compiled.cu.

#include <type_traits>
#include <utility>

#include "kernels/cuda/index_space.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/pointwise_compiled.hpp"
#include "kernels/cuda/pointwise_run.cuh"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/storage.cuh"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

// One thread for each element
// ------------------------------------------------------------------------------------------

struct PlainInput {
  const void* data = nullptr;
  std::int64_t step[Shape::max_rank] = {};
};

template <class T>
struct PlainProgram {
  cuda::Code<T> code;
  int axes = 0;
  std::int64_t extent[Shape::max_rank] = {}, size = 1;
  PlainInput in[cuda::max_inputs];
  void* out[cuda::max_results] = {};
};

/// Slots of single values: [slot][thread].
template <class T>
struct PlainSlots {
  T* own;
  __device__ void load(int slot, T (&to)[1]) const { to[0] = own[static_cast<unsigned>(slot) * blockDim.x]; }
  __device__ void save(int slot, const T (&from)[1]) const { own[static_cast<unsigned>(slot) * blockDim.x] = from[0]; }
};

template <class T>
__global__ void pointwise_kernel(const __grid_constant__ PlainProgram<T> p) {
  const PlainSlots<T> slots{cuda::shared_memory<T>() + threadIdx.x};
  for (std::int64_t i = cuda::thread_index(); i < p.size; i += cuda::thread_count()) {
    const auto fetch = [&](int input, T(&to)[1]) {
      std::int64_t rest = i, at = 0;
      for (int axis = p.axes - 1; axis > 0; --axis) {
        at += rest % p.extent[axis] * p.in[input].step[axis];
        rest /= p.extent[axis];
      }
      to[0] = static_cast<const T*>(p.in[input].data)[at + rest * p.in[input].step[0]];
    };
    cuda::run<1>(p.code, slots, fetch,
                 [&](int result, const T(&from)[1]) { static_cast<T*>(p.out[result])[i] = from[0]; });
  }
}

template <class T>
Step plain_step(const cuda::PointwiseProgram& program, const cuda::IndexSpace& space) {
  PlainProgram<T> p;
  p.code = cuda::code_of<T>(program);
  p.size = space.size();
  for (const cuda::IndexSpace::Axis& axis : space.axes) {
    p.extent[p.axes] = axis.extent;
    for (std::size_t i = 0; i < cuda::max_inputs; ++i) p.in[i].step[p.axes] = axis.step[i + 1];
    ++p.axes;
  }
  Step step;
  step.kernel = "pointwise cuda";
  const std::size_t shared = static_cast<std::size_t>(program.slots) * cuda::threads_per_block * sizeof(T);
  step.run = [p, shared](const Buffers& b, Stream& stream) {
    PlainProgram<T> bound = p;
    for (std::size_t i = 0; i < b.in.size(); ++i) bound.in[i].data = b.in[i];
    std::copy(b.out.begin(), b.out.end(), bound.out);
    cuda::launch(pointwise_kernel<T>, cuda::blocks_for(p.size), cuda::threads_per_block, shared,
                 cuda::stream_of(stream), bound);
  };
  return step;
}

// Eight neighbours of two lines
// ----------------------------------------------------------------------------------------

constexpr int lines = 2, values = lines * cuda::lanes;

/// Steps along [outer][line][inner]; along inner they are 0 or 1.
struct LanesInput {
  const void* data = nullptr;
  std::int64_t outer = 0, line = 0;
  bool repeats = false;  // along inner
  bool narrow = false;   // stored as the results are, not as float
};

struct LanesProgram {
  cuda::Code<float> code;
  std::uint32_t threads = 0;                 // that have work
  std::uint32_t lines = 0, second_line = 0;  // lines of an outer index; a thread has line l and l + second_line
  cuda::Divisor groups, first_lines;         // eights of a line; lines that are a first one
  std::int64_t inner = 0;
  LanesInput in[cuda::max_inputs];
  void* out[cuda::max_results] = {};
};

/// Slots of 16 values: [slot][quarter][thread] of four, so that neighbouring threads use neighbouring banks.
struct LanesSlots {
  float4* own;
  static constexpr int quarters = values / 4;
  __device__ float4* at(int slot, int quarter) const {
    return own + static_cast<unsigned>(slot * quarters + quarter) * blockDim.x;
  }
  __device__ void load(int slot, float (&to)[values]) const {
    cuda::unrolled<quarters>([&](int q) {
      const float4 v = *at(slot, q);
      to[4 * q] = v.x, to[4 * q + 1] = v.y, to[4 * q + 2] = v.z, to[4 * q + 3] = v.w;
    });
  }
  __device__ void save(int slot, const float (&from)[values]) const {
    cuda::unrolled<quarters>(
        [&](int q) { *at(slot, q) = make_float4(from[4 * q], from[4 * q + 1], from[4 * q + 2], from[4 * q + 3]); });
  }
};

template <class T>
__global__ void pointwise_lanes_kernel(const __grid_constant__ LanesProgram p) {
  const LanesSlots slots{cuda::shared_memory<float4>() + threadIdx.x};
  const std::uint32_t n = blockIdx.x * blockDim.x + threadIdx.x;
  if (n >= p.threads) return;
  const std::uint32_t rest = p.groups.divide(n), outer = p.first_lines.divide(rest);
  const std::uint32_t line = rest - outer * p.first_lines.value();
  const std::int64_t at_inner = static_cast<std::int64_t>(n - rest * p.groups.value()) * cuda::lanes;
  // Where the number of lines is odd the last first line has no partner, and is done twice.
  const std::uint32_t next = line + p.second_line < p.lines ? p.second_line : 0;

  const auto fetch = [&](int input, float(&to)[values]) {
    const LanesInput& in = p.in[input];
    const std::int64_t at = outer * in.outer + line * in.line;
    cuda::unrolled<lines>([&](int l) {
      float* own = to + l * cuda::lanes;
      if (l > 0 && in.line == 0) {
        cuda::unrolled<cuda::lanes>([&](int k) { own[k] = to[k]; });
        return;
      }
      const std::int64_t from = l > 0 ? at + next * in.line : at;
      if (in.repeats) {
        const float v = static_cast<const float*>(in.data)[from];
        cuda::unrolled<cuda::lanes>([&](int k) { own[k] = v; });
      } else if (in.narrow) {
        cuda::load_lanes(static_cast<const T*>(in.data) + from + at_inner, own);
      } else {
        cuda::load_lanes(static_cast<const float*>(in.data) + from + at_inner, own);
      }
    });
  };
  const auto store = [&](int result, const float(&from)[values]) {
    T* to = static_cast<T*>(p.out[result]) + (static_cast<std::int64_t>(outer) * p.lines + line) * p.inner + at_inner;
    cuda::store_lanes(to, from);
    cuda::store_lanes(to + next * p.inner, from + cuda::lanes);
  };
  cuda::run<values>(p.code, slots, fetch, store);
}

/// The space as [outer][line][inner], if it has this form with inner in eights and steps of 0 or 1 along it.
std::optional<cuda::IndexSpace> in_lines(cuda::IndexSpace space, std::size_t inputs) {
  if (space.axes.empty() || space.axes.size() > 3) return std::nullopt;
  const cuda::IndexSpace::Axis inner = space.axes.back();
  if (space.axes.size() == 1 && inner.extent % (2 * cuda::lanes) == 0) {
    // Without lines, halves serve as two.
    cuda::IndexSpace::Axis halves{2, inner.step};
    for (std::int64_t& step : halves.step) step *= inner.extent / 2;
    space.axes.back().extent /= 2;
    space.axes.insert(space.axes.begin(), halves);
  }
  while (space.axes.size() < 3) space.axes.insert(space.axes.begin(), cuda::IndexSpace::Axis{});
  if (space.axes[2].extent % cuda::lanes != 0) return std::nullopt;
  for (std::size_t i = 1; i <= inputs; ++i) {
    const std::int64_t step = space.axes[2].step[i];
    const bool aligned = space.axes[0].step[i] % cuda::lanes == 0 && space.axes[1].step[i] % cuda::lanes == 0;
    if (step != 0 && (step != 1 || !aligned)) return std::nullopt;
  }
  constexpr std::int64_t most = (std::int64_t{1} << 31) - 1;
  return space.size() / cuda::lanes <= most ? std::optional(space) : std::nullopt;
}

constexpr unsigned lanes_threads = 128;

template <class T>
Step lanes_step(const cuda::PointwiseProgram& program, const cuda::IndexSpace& space, const Signature& s) {
  const auto& [outer, line, inner] = std::tie(space.axes[0], space.axes[1], space.axes[2]);
  LanesProgram p;
  p.code = cuda::code_of<float>(program);
  p.lines = static_cast<std::uint32_t>(line.extent);
  p.second_line = (p.lines + 1) / 2;
  p.first_lines = cuda::Divisor(p.second_line);
  p.groups = cuda::Divisor(static_cast<std::uint32_t>(inner.extent / cuda::lanes));
  p.inner = inner.extent;
  p.threads = static_cast<std::uint32_t>(outer.extent * p.second_line * (inner.extent / cuda::lanes));
  for (std::size_t i = 0; i < s.in.size(); ++i) {
    p.in[i] = {nullptr, outer.step[i + 1], line.step[i + 1], inner.step[i + 1] == 0, is_narrow(s.in[i].layout)};
  }
  // More than six slots do not fit with the usual number of threads.
  const std::size_t slot = LanesSlots::quarters * sizeof(float4);
  const unsigned threads = program.slots > 6 ? lanes_threads / 2 : lanes_threads;
  const std::size_t shared = static_cast<std::size_t>(program.slots) * threads * slot;
  Step step;
  step.kernel = "pointwise cuda:lanes";
  step.run = [p, shared, threads](const Buffers& b, Stream& stream) {
    LanesProgram bound = p;
    for (std::size_t i = 0; i < b.in.size(); ++i) bound.in[i].data = b.in[i];
    std::copy(b.out.begin(), b.out.end(), bound.out);
    cuda::launch(pointwise_lanes_kernel<T>, (p.threads + threads - 1) / threads, threads, shared,
                 cuda::stream_of(stream), bound);
  };
  return step;
}

// ----------------------------------------------------------------------------------------------------------------------

cuda::IndexSpace space_of(const TensorDesc& result, std::span<const TensorDesc> in) {
  cuda::IndexSpace space = cuda::broadcast_space(result, in);
  space.coalesce();
  return space;
}

/// Inputs whose memory result 0 may take: element for element the same, and not read after result 0 is stored.
std::vector<InPlace> in_place_inputs(const cuda::PointwiseProgram& program, const Signature& s) {
  std::vector<InPlace> inputs;
  for (int i = 0; i < static_cast<int>(s.in.size()); ++i) {
    const TensorDesc& in = s.in[static_cast<std::size_t>(i)];
    const bool same = in.type.shape.numel() == s.out[0].type.shape.numel() && in.layout == s.out[0].layout;
    if (same && program.may_overwrite(i)) inputs.push_back({i});
  }
  return inputs;
}

}  // namespace

std::optional<Step> pointwise_cuda(const PointwiseAttrs& a, const Signature& s) {
  const std::optional<cuda::PointwiseProgram> program = cuda::accumulator_program(a, static_cast<int>(s.in.size()));
  if (!program || s.out.empty()) return std::nullopt;
  const DType dtype = s.out[0].type.dtype;
  const Layout layout = s.out[0].layout;
  for (const TensorDesc& d : s.out) {
    if (d.layout != layout) return std::nullopt;
  }
  if (a.shape.numel() == 0) return Step{"pointwise cuda", [](const Buffers&, Stream&) {}, 0, {}, {}};
  const cuda::IndexSpace space = space_of(s.out[0], s.in);
  const std::optional<cuda::IndexSpace> lined = in_lines(space, s.in.size());
  const auto stored_as = [&](Layout narrow) {
    return std::all_of(s.in.begin(), s.in.end(),
                       [&](const TensorDesc& d) { return !is_narrow(d.layout) || d.layout == narrow; });
  };
  std::optional<Step> step;
  if (dtype == DType::f32 && lined && stored_as(layout)) {
    step = cuda::compiled_step(a, *lined, s);
    if (!step) step = cuda::with_storage(layout, [&]<class T>() { return lanes_step<T>(*program, *lined, s); });
  } else if (dtype == DType::f32 && !is_narrow(layout) && stored_as(Layout::nchw)) {
    step = plain_step<float>(*program, space);
  } else if (dtype == DType::f64) {
    step = plain_step<double>(*program, space);
  } else {
    return std::nullopt;
  }
  step->in_place = in_place_inputs(*program, s);
  return step;
}

std::vector<LayoutChoice> pointwise_cuda_layouts(const PointwiseAttrs& a, std::span<const Type> in,
                                                 std::span<const Type> out, Precision precision) {
  const auto all_in = [&](Layout layout) {
    return LayoutChoice{std::vector(in.size(), layout), std::vector(out.size(), layout), 0};
  };
  // Row-major first: what is known at load costs nothing either way, and should not lose precision.
  std::vector<LayoutChoice> choices{all_in(Layout::nchw)};
  const bool features = !out.empty() && cuda::in_lanes(out[0]) && a.shape[2] * a.shape[3] > 1;
  if (!features || !cuda::accumulator_program(a, static_cast<int>(in.size()))) return choices;
  LayoutChoice choice = all_in(cuda::feature_layout(precision));
  std::vector<TensorDesc> operands;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Shape& s = in[i].shape;
    const bool whole = s.rank() == 4 && s[1] == a.shape[1] && s[2] == a.shape[2] && s[3] == a.shape[3];
    if (!whole) choice.in[i] = Layout::nchw;
    operands.push_back({in[i], choice.in[i]});
  }
  if (in_lines(space_of({out[0], choice.out[0]}, operands), in.size())) choices.push_back(std::move(choice));
  return choices;
}

}  // namespace g2face
