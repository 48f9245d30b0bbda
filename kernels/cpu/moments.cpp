// Means and deviations. Every chunk gives its own mean and sum of squared deviations while it is in cache; they are
// merged as in Chan, Golub and LeVeque 1979, in the order of memory, whatever the number of threads.

#include <algorithm>
#include <cmath>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/lane_sums.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

constexpr std::int64_t chunk_floats = 4096;

/// x as [samples, groups, run], run contiguous elements of `lanes` channels; statistics over run and, if `merged`, over
/// samples.
struct Problem {
  std::int64_t samples = 1, groups = 1, run = 1, lanes = 1;
  bool merged = false;

  std::int64_t chunks() const { return (run + chunk_floats - 1) / chunk_floats; }  // of one run
};

/// The problem for these axes, if it has the form above: the last axes, or the first axis and the last axes.
bool recognise(const MomentsAttrs& a, const TensorDesc& x, Problem& p) {
  const Shape& s = x.type.shape;
  const std::int64_t block = cpu::block_of(x.layout);
  std::vector<bool> summed(static_cast<std::size_t>(s.rank()), false);
  for (const int axis : a.axes) summed[static_cast<std::size_t>(axis)] = true;
  int first = s.rank();
  while (first > 0 && summed[static_cast<std::size_t>(first - 1)]) --first;
  const auto count = static_cast<int>(a.axes.size());
  const int tail = s.rank() - first;
  p.merged = count == tail + 1 && first > 1 && summed[0];
  if (tail == 0 || (count != tail && !p.merged)) return false;
  if (block > 1 && first != 2) return false;
  p.run = block;
  for (int i = first; i < s.rank(); ++i) p.run *= s[i];
  p.lanes = block;
  p.samples = p.merged ? s[0] : 1;
  p.groups = s.numel() / (p.samples * p.run);
  return true;
}

struct Loops {
  cpu::LaneSumsLoop sums = cpu::lane_sums();
  cpu::LaneSumsLoop deviations = cpu::lane_square_deviations();
};

/// Chunk `i` of the run at x: mean and squared deviations by lane.
void summarise(const Problem& p, const Loops& loops, const float* x, std::int64_t i, float* mean, float* deviations) {
  const std::int64_t begin = i * chunk_floats, n = std::min(chunk_floats, p.run - begin);
  const std::int64_t rows = n / p.lanes;
  const auto count = static_cast<double>(rows);
  double sums[cpu::max_lanes];
  loops.sums({x + begin, n, p.lanes, nullptr, sums});
  for (std::int64_t l = 0; l < p.lanes; ++l) mean[l] = static_cast<float>(sums[l] / count);
  loops.deviations({x + begin, n, p.lanes, mean, sums});
  for (std::int64_t l = 0; l < p.lanes; ++l) deviations[l] = static_cast<float>(sums[l]);
}

/// Merges all chunks of a channel and writes its results.
void finish(const Problem& p, double eps, std::int64_t group, const float* partials, float* mean_out, float* rstd_out) {
  const std::int64_t chunks = p.chunks();
  for (std::int64_t l = 0; l < p.lanes; ++l) {
    double count = 0, mean = 0, deviations = 0;
    for (std::int64_t n = 0; n < p.samples; ++n) {
      for (std::int64_t i = 0; i < chunks; ++i) {
        const float* part = partials + ((n * p.groups + group) * chunks + i) * 2 * p.lanes;
        const std::int64_t rows = std::min(chunk_floats, p.run - i * chunk_floats) / p.lanes;
        const auto k = static_cast<double>(rows);
        const double delta = static_cast<double>(part[l]) - mean, total = count + k;
        mean += delta * k / total;
        deviations += static_cast<double>(part[p.lanes + l]) + delta * delta * count * k / total;
        count = total;
      }
    }
    mean_out[group * p.lanes + l] = static_cast<float>(mean);
    rstd_out[group * p.lanes + l] = static_cast<float>(1 / std::sqrt(deviations / count + eps));
  }
}

}  // namespace

MaybeStep moments_cpu(const MomentsAttrs& a, const Signature& s) {
  Problem p;
  if (!cpu::all_f32(s) || s.in[0].layout == Layout::nhwc || s.in[0].type.shape.numel() == 0) return std::nullopt;
  if (!recognise(a, s.in[0], p)) return std::nullopt;
  const std::int64_t items = p.samples * p.groups * p.chunks();
  Step step;
  step.kernel = str("moments ", cpu::name_of(cpu::best_isa()));
  step.workspace = static_cast<std::size_t>(items * 2 * p.lanes) * sizeof(float);
  const std::int64_t size = s.in[0].type.shape.numel();
  step.run = [p, items, size, eps = a.eps, loops = Loops(), threads = s.threads](const Buffers& b, Stream&) {
    const float* x = b.get<float>(0);
    float* partials = static_cast<float*>(b.workspace);
    const std::int64_t chunks = p.chunks();
    cpu::parallel_parts(size < (1 << 14) ? 1 : threads, items, [&](int, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        float* part = partials + i * 2 * p.lanes;
        summarise(p, loops, x + i / chunks * p.run, i % chunks, part, part + p.lanes);
      }
    });
    for (std::int64_t g = 0; g < p.groups; ++g) finish(p, eps, g, partials, b.out_as<float>(0), b.out_as<float>(1));
  };
  return step;
}

LayoutChoices moments_cpu_layouts(const MomentsAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  LayoutChoices choices;
  const Layout native = cpu::native_layout();
  Problem p;
  if (cpu::fits(in[0].shape, native) && recognise(a, {in[0], native}, p)) {
    choices.push_back({{native}, {Layout::nchw, Layout::nchw}, 0});
  }
  choices.push_back(cpu::plain_choice(in, out));
  return choices;
}

}  // namespace g2face
