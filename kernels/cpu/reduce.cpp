// Sums. Axes that are walked without a jump are joined first; then either contiguous runs are summed by lane, or whole
// rows are added up. Partial sums are double.

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/cpu/index_space.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/lane_sums.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

constexpr std::int64_t chunk_floats = 4096;
constexpr std::int64_t row_tile = 256;
constexpr std::int64_t short_run = 64;

struct Axis {
  std::int64_t extent, step;
};

/// Offsets of all indices over some axes, in row-major order.
class Offsets {
 public:
  explicit Offsets(std::vector<Axis> axes) : axes_(std::move(axes)) {
    for (const Axis& a : axes_) count_ *= a.extent;
  }
  std::int64_t count() const { return count_; }
  std::int64_t operator[](std::int64_t i) const {
    std::int64_t offset = 0;
    for (std::size_t axis = axes_.size(); axis-- > 0;) {
      offset += i % axes_[axis].extent * axes_[axis].step;
      i /= axes_[axis].extent;
    }
    return offset;
  }

 private:
  std::vector<Axis> axes_;
  std::int64_t count_ = 1;
};

/// y[k,l] = sum over r and run of x[kept[k] + reduced[r] + run, l], where l is a lane or, if there are rows, an element
/// of a contiguous row of kept elements.
struct Problem {
  Offsets kept{{}}, reduced{{}};
  std::int64_t run = 1;    // contiguous elements to sum, lanes included
  std::int64_t lanes = 1;  // kept elements side by side
  bool rows = false;       // more lanes than a run can have: run is 1 row
};

Problem recognise(const ReduceAttrs& a, const TensorDesc& x) {
  // A result that keeps an axis has its extent there, so joining never mixes kept and reduced axes.
  Shape kept_shape = x.type.shape;
  for (const int axis : a.axes) kept_shape = kept_shape.with(axis, 1);
  cpu::IndexSpace space = cpu::broadcast_space(x, std::array{TensorDesc{{x.type.dtype, kept_shape}, Layout::nchw}, x});
  space.coalesce();
  std::vector<Axis> kept, reduced;
  const std::size_t axes = space.extents.size();
  for (std::size_t i = 0; i < axes; ++i) {
    const bool keeps = space.strides[0][i] != 0;
    (keeps ? kept : reduced).push_back({space.extents[i], space.strides[1][i]});
  }
  Problem p;
  const bool inner_kept = space.strides[0][axes - 1] != 0;
  if (!inner_kept) {
    p.run = space.extents[axes - 1];
    reduced.pop_back();
  } else {
    p.lanes = space.extents[axes - 1];
    kept.pop_back();
    const bool power = (p.lanes & (p.lanes - 1)) == 0 && p.lanes <= cpu::max_lanes;
    if (power && axes > 1 && space.strides[0][axes - 2] == 0) {
      p.run = p.lanes * space.extents[axes - 2];
      reduced.pop_back();
    } else {
      p.rows = true;
    }
  }
  p.kept = Offsets(std::move(kept));
  p.reduced = Offsets(std::move(reduced));
  return p;
}

/// Chunks [begin, end) of all reduced runs of one kept index, added to double sums.
void sum_chunks(const Problem& p, cpu::LaneSumsLoop loop, const float* x, std::int64_t begin, std::int64_t end,
                double* sums) {
  const std::int64_t per_run = (p.run + chunk_floats - 1) / chunk_floats;
  double part[cpu::max_lanes];
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t first = i % per_run * chunk_floats;
    loop({x + p.reduced[i / per_run] + first, std::min(chunk_floats, p.run - first), p.lanes, nullptr, part});
    for (std::int64_t l = 0; l < p.lanes; ++l) sums[l] += part[l];
  }
}

Step runs_step(const Problem& problem, int threads) {
  const auto p = std::make_shared<const Problem>(problem);
  const std::int64_t chunks = p->reduced.count() * ((p->run + chunk_floats - 1) / chunk_floats);
  // Few results: the chunks of each are shared out, in as many parts as there are threads.
  const std::int64_t parts = p->kept.count() >= threads ? 1 : std::min<std::int64_t>(threads, chunks);
  Step step;
  step.workspace = static_cast<std::size_t>(p->kept.count() * parts * p->lanes) * sizeof(double);
  step.run = [p, parts, chunks, threads, loop = cpu::lane_sums()](const Buffers& b, Stream&) {
    const std::int64_t items = p->kept.count() * parts, lanes = p->lanes;
    double* sums = static_cast<double*>(b.workspace);
    cpu::parallel_parts(items * chunks * std::min(p->run, chunk_floats) < (1 << 14) ? 1 : threads, items,
                        [&](int, std::int64_t begin, std::int64_t end) {
                          for (std::int64_t i = begin; i < end; ++i) {
                            double* sum = sums + i * lanes;
                            std::fill(sum, sum + lanes, 0.0);
                            const std::int64_t part = i % parts;
                            sum_chunks(*p, loop, b.get<float>(0) + p->kept[i / parts], chunks * part / parts,
                                       chunks * (part + 1) / parts, sum);
                          }
                        });
    float* y = b.out_as<float>();
    for (std::int64_t k = 0; k < p->kept.count(); ++k) {
      for (std::int64_t l = 0; l < lanes; ++l) {
        double total = 0;
        for (std::int64_t part = 0; part < parts; ++part) total += sums[(k * parts + part) * lanes + l];
        y[k * lanes + l] = static_cast<float>(total);
      }
    }
  };
  return step;
}

/// Runs too short for sums by lane, such as the taps of a kernel.
Step short_runs_step(const Problem& problem, int threads) {
  const auto p = std::make_shared<const Problem>(problem);
  Step step;
  step.run = [p, threads](const Buffers& b, Stream&) {
    const std::int64_t items = p->kept.count(), reduced = p->reduced.count();
    const std::int64_t least = std::max<std::int64_t>(1, (1 << 14) / (reduced * p->run));
    cpu::parallel_for(threads, items, least, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        double sum = 0;
        for (std::int64_t r = 0; r < reduced; ++r) {
          const float* x = b.get<float>(0) + p->kept[i] + p->reduced[r];
          double part = 0;
          for (std::int64_t k = 0; k < p->run; ++k) part += static_cast<double>(x[k]);
          sum += part;
        }
        b.out_as<float>()[i] = static_cast<float>(sum);
      }
    });
  };
  return step;
}

struct AddRow {
  G2FACE_INLINE void operator()(double* sums, const float* x, std::int64_t n) const {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) sums[i] += static_cast<double>(x[i]);
  }
};

Step rows_step(const Problem& problem, int threads) {
  const auto p = std::make_shared<const Problem>(problem);
  Step step;
  step.run = [p, threads, add = cpu::pick<AddRow>()](const Buffers& b, Stream&) {
    const std::int64_t tiles = (p->lanes + row_tile - 1) / row_tile, items = p->kept.count() * tiles;
    const bool small = items * p->reduced.count() * std::min(p->lanes, row_tile) < (1 << 14);
    cpu::parallel_parts(small ? 1 : threads, items, [&](int, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = i % tiles * row_tile, n = std::min(row_tile, p->lanes - first);
        const float* x = b.get<float>(0) + p->kept[i / tiles] + first;
        double sums[row_tile] = {};
        for (std::int64_t r = 0; r < p->reduced.count(); ++r) add(sums, x + p->reduced[r], n);
        float* y = b.out_as<float>() + i / tiles * p->lanes + first;
        for (std::int64_t l = 0; l < n; ++l) y[l] = static_cast<float>(sums[l]);
      }
    });
  };
  return step;
}

}  // namespace

MaybeStep reduce_cpu(const ReduceAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s) || s.in[0].layout == Layout::nhwc || s.out[0].layout != Layout::nchw) return std::nullopt;
  Step step;
  if (s.in[0].type.shape.numel() == 0) {
    step.run = [n = s.out[0].type.shape.numel()](const Buffers& b, Stream&) { std::fill_n(b.out_as<float>(), n, 0.f); };
  } else {
    const Problem p = recognise(a, s.in[0]);
    const bool is_short = p.lanes == 1 && p.run < short_run && p.kept.count() >= short_run;
    step = p.rows ? rows_step(p, s.threads) : is_short ? short_runs_step(p, s.threads) : runs_step(p, s.threads);
  }
  step.kernel = str("reduce ", cpu::name_of(cpu::best_isa()));
  return step;
}

LayoutChoices reduce_cpu_layouts(const ReduceAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  LayoutChoices choices;
  const Layout native = cpu::native_layout();
  // The channels of a block come out side by side only if nothing lies between them.
  const auto reduces = [&a](int axis) { return std::find(a.axes.begin(), a.axes.end(), axis) != a.axes.end(); };
  if (cpu::fits(in[0].shape, native) && reduces(2) && reduces(3)) choices.push_back({{native}, {Layout::nchw}, 0});
  choices.push_back(cpu::plain_choice(in, out));
  return choices;
}

}  // namespace g2face
