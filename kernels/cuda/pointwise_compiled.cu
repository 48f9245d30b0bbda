// Elementwise programs that are known at compile time: every value stays in a register, and all operands are on their
// way before the first is used.
//
// A block has 128 threads. A thread has eight neighbouring channels of several lines (pixels): it loads what belongs to
// its channels once, then takes its lines one or two at a time, 16 bytes of each whole operand at once in 16 bits and
// 32 in f32. Each whole operand is read once and each result written once: 2 bytes per element and operand in 16 bits.

#include <iterator>

#include "kernels/cuda/compiled_program.cuh"
#include "kernels/cuda/pointwise_compiled.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/storage.cuh"
#include "kernels/launch.cuh"

namespace g2face::cuda {
namespace {

constexpr unsigned compiled_threads = 128;

/// Lines that a thread loads before it computes.
template <class T>
constexpr int lines_at_once = sizeof(T) == sizeof(float) ? 1 : 2;

/// Which way a thread's lines lie: line s, s + strands, s + 2 * strands, ... of an outer index, lines_at_once of them
/// `rounds` times.
template <class P>
struct CompiledLaunch {
  std::uint32_t threads = 0;  // that have work
  std::uint32_t lines = 0, rounds = 1;
  Divisor groups, strands;  // eights of a line; lines that are a first one
  std::int64_t inner = 0;
  const void* in[input_count<P>] = {};
  std::uint32_t outer[input_count<P>] = {};  // steps; of channels and pixels
  void* out[result_count<P>] = {};
  float a[step_count<P>] = {}, b[step_count<P>] = {};  // constants of unary functions
};

template <class P, class T>
__global__ void __launch_bounds__(compiled_threads)
    pointwise_compiled_kernel(const __grid_constant__ CompiledLaunch<P> p) {
  constexpr int inputs = input_count<P>, at_once = lines_at_once<T>;
  const std::uint32_t n = blockIdx.x * blockDim.x + threadIdx.x;
  if (n >= p.threads) return;
  const std::uint32_t rest = p.groups.divide(n), outer = p.strands.divide(rest);
  const std::uint32_t strand = rest - outer * p.strands.value();
  const std::int64_t at_inner = static_cast<std::int64_t>(n - rest * p.groups.value()) * lanes;
  const std::int64_t origin = static_cast<std::int64_t>(outer) * p.lines * p.inner + at_inner;

  float channel[inputs][lanes];
  for_each_constant<inputs>([&]<int i>() {
    if constexpr (P::in[i] == Role::channel) {
      load_lanes(static_cast<const float*>(p.in[i]) + outer * p.outer[i] + at_inner, channel[i]);
    }
  });
  for (std::uint32_t round = 0, line = strand; round < p.rounds && line < p.lines; ++round) {
    StoredLanes<T> whole[at_once][inputs];
    float pixel[at_once][inputs];
    std::uint32_t own[at_once];
    for_each_constant<at_once>([&]<int l>() {
      // A line without a partner is done twice.
      own[l] = line + l * p.strands.value() < p.lines ? line + l * p.strands.value() : line;
      for_each_constant<inputs>([&]<int i>() {
        if constexpr (P::in[i] == Role::whole) {
          whole[l][i] = load_stored(static_cast<const T*>(p.in[i]) + (origin + own[l] * p.inner));
        } else if constexpr (P::in[i] == Role::pixel) {
          pixel[l][i] = static_cast<const float*>(p.in[i])[outer * p.outer[i] + own[l]];
        }
      });
    });
    for_each_constant<at_once>([&]<int l>() {
      float in[inputs][lanes], out[result_count<P>][lanes];
      for_each_constant<inputs>([&]<int i>() {
        if constexpr (P::in[i] == Role::whole) unpack_lanes(whole[l][i], in[i]);
      });
      for_each_constant<lanes>([&]<int k>() {
        float r[inputs + step_count<P>];
        for_each_constant<inputs>([&]<int i>() {
          r[i] = P::in[i] == Role::whole ? in[i][k] : P::in[i] == Role::channel ? channel[i][k] : pixel[l][i];
        });
        execute<P, T>(p.a, p.b, r);
        for_each_constant<result_count<P>>([&]<int o>() { out[o][k] = r[P::results[o]]; });
      });
      for_each_constant<result_count<P>>(
          [&]<int o>() { store_lanes(static_cast<T*>(p.out[o]) + (origin + own[l] * p.inner), out[o]); });
    });
    line += at_once * p.strands.value();
  }
}

template <class P>
bool has_roles(const IndexSpace& space, const Signature& s) {
  if (s.in.size() != std::size(P::in)) return false;
  const IndexSpace::Axis &outer = space.axes[0], &line = space.axes[1], &inner = space.axes[2];
  const bool narrow = is_narrow(s.out[0].layout);
  for (std::size_t i = 0; i < s.in.size(); ++i) {
    const std::int64_t from_outer = outer.step[i + 1], from_line = line.step[i + 1], from_inner = inner.step[i + 1];
    const bool stored_whole = is_narrow(s.in[i].layout);
    switch (P::in[i]) {
      case Role::whole:
        if (stored_whole != narrow || from_inner != 1) return false;
        if (line.extent > 1 && from_line != inner.extent) return false;
        if (outer.extent > 1 && from_outer != line.extent * inner.extent) return false;
        break;
      case Role::channel:
        if (stored_whole || from_inner != 1 || from_line != 0) return false;
        break;
      case Role::pixel:
        if (stored_whole || from_inner != 0 || (line.extent > 1 && from_line != 1)) return false;
        break;
    }
  }
  return true;
}

template <class P, class T>
Step step_of(const PointwiseAttrs& attrs, const IndexSpace& space) {
  const IndexSpace::Axis &outer = space.axes[0], &line = space.axes[1], &inner = space.axes[2];
  CompiledLaunch<P> p;
  p.lines = static_cast<std::uint32_t>(line.extent);
  p.inner = inner.extent;
  // As many lines a thread as leave work for every multiprocessor of a large GPU several times over.
  constexpr std::int64_t enough_threads = 1 << 18, most_rounds = 4;
  std::int64_t strands = 0, threads = 0;
  for (std::int64_t rounds = most_rounds; rounds > 0 && threads < enough_threads; rounds /= 2) {
    const std::int64_t lines = rounds * lines_at_once<T>;
    p.rounds = static_cast<std::uint32_t>(rounds);
    strands = (line.extent + lines - 1) / lines;
    threads = outer.extent * strands * (inner.extent / lanes);
  }
  p.groups = Divisor(static_cast<std::uint32_t>(inner.extent / lanes));
  p.strands = Divisor(static_cast<std::uint32_t>(strands));
  p.threads = static_cast<std::uint32_t>(threads);
  for (std::size_t i = 0; i < std::size(P::in); ++i) p.outer[i] = static_cast<std::uint32_t>(outer.step[i + 1]);
  for (std::size_t i = 0; i < std::size(P::steps); ++i) {
    p.a[i] = static_cast<float>(attrs.program[i].unary.a);
    p.b[i] = static_cast<float>(attrs.program[i].unary.b);
  }
  Step step;
  step.kernel = P::kernel;
  step.run = [p](const Buffers& b, Stream& stream) {
    CompiledLaunch<P> bound = p;
    std::copy(b.in.begin(), b.in.end(), bound.in);
    std::copy(b.out.begin(), b.out.end(), bound.out);
    launch(pointwise_compiled_kernel<P, T>, (p.threads + compiled_threads - 1) / compiled_threads, compiled_threads, 0,
           stream_of(stream), bound);
  };
  return step;
}

template <class... P>
std::optional<Step> first_that_fits(std::tuple<P...>*, const PointwiseAttrs& attrs, const IndexSpace& space,
                                    const Signature& s) {
  std::optional<Step> step;
  const auto take = [&]<class Program>() {
    if (!has_structure<Program>(attrs) || !has_roles<Program>(space, s)) return false;
    step = with_storage(s.out[0].layout, [&]<class T>() { return step_of<Program, T>(attrs, space); });
    return true;
  };
  (take.template operator()<P>() || ...);
  return step;
}

}  // namespace

std::optional<Step> compiled_step(const PointwiseAttrs& attrs, const IndexSpace& space, const Signature& signature) {
  return first_that_fits(static_cast<CompiledPrograms*>(nullptr), attrs, space, signature);
}

}  // namespace g2face::cuda
