// Upsampling, filtering, downsampling in one pass. The filter is a sum of separable ones, nearly always of a single
// one: each input row is filtered horizontally once, kept in a ring of rows that fits the first-level cache, and rows
// of the ring are combined into rows of the result. Blocked layouts move whole vectors of channels.

#include <algorithm>
#include <cmath>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

constexpr std::int64_t strip_floats = 1024;  // of a row of the ring
constexpr std::int64_t segment_rows = 32;    // least height worth a start of the ring

/// One axis: output o is the sum over j < taps of weight[o * taps + j] * input[base[o] + j]. Taps that fall on inserted
/// zeros or outside the input have no place here, or weight 0 where the window is moved inside.
struct Axis {
  std::int64_t in = 0, out = 0, up = 1, down = 1, pad = 0, kernel = 0;
  std::int64_t taps() const { return std::min((kernel + up - 1) / up, in); }
  std::int64_t base(std::int64_t o) const {
    const std::int64_t start = o * down - pad;
    const std::int64_t first = start >= 0 ? (start + up - 1) / up : -(-start / up);
    return std::clamp<std::int64_t>(first, 0, in - taps());
  }
  void weights(const float* filter, float* to) const {
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t j = 0; j < taps(); ++j) {
        const std::int64_t k = (base(o) + j) * up - (o * down - pad);
        *to++ = k >= 0 && k < kernel ? filter[k] : 0.f;
      }
    }
  }
};

struct RowArgs {
  const float* in;  // an input row
  float* out;       // outputs [begin, end) of it
  const std::int64_t *base, *alike;
  const float* weights;
  std::int64_t begin, end, taps, up, down;
};

/// Filters a row of vectors of `lanes` channels.
template <int lanes, int fixed_taps>
struct FilterBlocks {
  G2FACE_INLINE void operator()(const RowArgs& r) const {
    const std::int64_t taps = fixed_taps > 0 ? fixed_taps : r.taps;
    for (std::int64_t o = r.begin; o < r.end; ++o) {
      const float* x = r.in + r.base[o] * lanes;
      const float* w = r.weights + o * taps;
      float sum[lanes] = {};
      for (std::int64_t j = 0; j < taps; ++j) {
        const float weight = w[j];
#pragma omp simd
        for (int l = 0; l < lanes; ++l) sum[l] += weight * x[j * lanes + l];
      }
      float* y = r.out + (o - r.begin) * lanes;
#pragma omp simd
      for (int l = 0; l < lanes; ++l) y[l] = sum[l];
    }
  }
};

/// How many outputs from o on, each `up` after the one before, have the same weights and inputs that move by `down`:
/// all away from the borders.
void count_alike(const Axis& axis, const float* weights, std::int64_t* to) {
  const std::int64_t taps = axis.taps();
  for (std::int64_t o = axis.out - 1; o >= 0; --o) {
    const std::int64_t next = o + axis.up;
    const bool alike = next < axis.out && axis.base(next) == axis.base(o) + axis.down &&
                       std::equal(weights + o * taps, weights + (o + 1) * taps, weights + next * taps);
    to[o] = alike ? to[next] + 1 : 1;
  }
}

/// Filters a row of single values: vectors of outputs that are alike.
struct FilterRow {
  static constexpr std::int64_t most = 64;  // outputs at once

  template <int fixed_step>
  G2FACE_INLINE static void filter(const RowArgs& r, std::int64_t o, std::int64_t count) {
    const std::int64_t step = fixed_step > 0 ? fixed_step : r.down;
    const float *x = r.in + r.base[o], *w = r.weights + o * r.taps;
    float sums[most] = {};
    for (std::int64_t j = 0; j < r.taps; ++j) {
      const float weight = w[j];
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) sums[i] += weight * x[i * step + j];
    }
    float* y = r.out + (o - r.begin);
    for (std::int64_t i = 0; i < count; ++i) y[i * r.up] = sums[i];
  }
  G2FACE_INLINE void operator()(const RowArgs& r) const {
    for (std::int64_t phase = r.begin; phase < std::min(r.end, r.begin + r.up); ++phase) {
      for (std::int64_t o = phase, count = 0; o < r.end; o += count * r.up) {
        count = std::min({r.alike[o], most, (r.end - o + r.up - 1) / r.up});
        if (r.down == 1) {
          filter<1>(r, o, count);
        } else {
          filter<0>(r, o, count);
        }
      }
    }
  }
};

constexpr int max_ring = 64;

struct CombineArgs {
  const float* rows[max_ring];
  const float* weights;
  std::int64_t taps, n;
  float* out;
  bool accumulate;
};

struct Combine {
  template <int taps>
  G2FACE_INLINE static void fixed(const CombineArgs& c) {
    const float* rows[taps];
    float w[taps];
    for (int j = 0; j < taps; ++j) {
      rows[j] = c.rows[j];
      w[j] = c.weights[j];
    }
    float* y = c.out;
    const std::int64_t n = c.n;
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) {
      float sum = w[0] * rows[0][i];
      for (int j = 1; j < taps; ++j) sum += w[j] * rows[j][i];
      y[i] = sum;
    }
  }
  G2FACE_INLINE void operator()(const CombineArgs& c) const {
    if (!c.accumulate && c.taps == 4) return fixed<4>(c);
    if (!c.accumulate && c.taps == 2) return fixed<2>(c);
    float* y = c.out;
    const std::int64_t n = c.n;
    if (!c.accumulate) std::fill(y, y + n, 0.f);
    for (std::int64_t j = 0; j < c.taps; ++j) {
      const float weight = c.weights[j];
      const float* x = c.rows[j];
#pragma omp simd
      for (std::int64_t i = 0; i < n; ++i) y[i] += weight * x[i];
    }
  }
};

using RowLoop = void (*)(const RowArgs&);

RowLoop row_loop(std::int64_t lanes, std::int64_t taps) {
  if (lanes == 16) {
    if (taps == 4) return cpu::pick<FilterBlocks<16, 4>>();
    return taps == 2 ? cpu::pick<FilterBlocks<16, 2>>() : cpu::pick<FilterBlocks<16, 0>>();
  }
  if (lanes == 8) return taps == 4 ? cpu::pick<FilterBlocks<8, 4>>() : cpu::pick<FilterBlocks<8, 0>>();
  return cpu::pick<FilterRow>();
}

struct Problem {
  Axis x, y;
  std::int64_t planes = 0, lanes = 1;
  std::int64_t strip = 0, strips = 0, segment = 0, segments = 0;  // of the result, in pixels
  bool correlate = false;
  RowLoop filter = nullptr;
  void (*combine)(const CombineArgs&) = nullptr;

  /// Rows of the ring are a cache line more than a power of two apart, so that they fall into different cache sets.
  std::int64_t ring_row() const { return strip * lanes + 16; }
  std::int64_t ring_floats() const { return y.taps() * ring_row(); }
};

/// Where things lie in the workspace.
struct Places {
  std::size_t bases, alike, filters, weights_x, weights_y, rings;
  std::size_t total;
};

Places places_of(const Problem& p, int threads) {
  const auto floats = [](std::int64_t n) { return static_cast<std::size_t>(n) * sizeof(float); };
  cpu::Workspace w;
  Places at{};
  at.bases = w.add(static_cast<std::size_t>(p.x.out) * sizeof(std::int64_t));
  at.alike = w.add(static_cast<std::size_t>(p.x.out) * sizeof(std::int64_t));
  at.filters = w.add(floats(p.y.kernel * (p.x.kernel + p.y.kernel)));
  at.weights_x = w.add(floats(p.x.out * p.x.taps()));
  at.weights_y = w.add(floats(p.y.out * p.y.taps()));
  at.rings = w.add(floats(p.ring_floats() * threads));
  at.total = w.total();
  return at;
}

/// Writes the filter, flipped unless it is correlated, as a sum of products of a column and a row; returns how many.
/// One suffices if every row is a multiple of one row; else each row is a product of its own.
std::int64_t factor(const Problem& p, const float* f, float* to) {
  const std::int64_t h = p.y.kernel, w = p.x.kernel, last = h * w - 1;
  const auto at = [&](std::int64_t i, std::int64_t j) { return p.correlate ? f[i * w + j] : f[last - i * w - j]; };
  std::int64_t row = 0, column = 0;
  for (std::int64_t i = 0; i < h; ++i) {
    for (std::int64_t j = 0; j < w; ++j) {
      if (std::fabs(at(i, j)) > std::fabs(at(row, column))) {
        row = i;
        column = j;
      }
    }
  }
  const float largest = at(row, column);
  bool separable = true;
  for (std::int64_t i = 0; i < h; ++i) {
    to[i] = largest == 0 ? 0 : at(i, column) / largest;
    for (std::int64_t j = 0; j < w; ++j) {
      separable = separable && std::fabs(at(i, j) - to[i] * at(row, j)) <= 0x1p-23f * std::fabs(largest);
    }
  }
  if (separable) {
    for (std::int64_t j = 0; j < w; ++j) to[h + j] = at(row, j);
    return 1;
  }
  for (std::int64_t term = 0; term < h; ++term, to += h + w) {
    std::fill(to, to + h, 0.f);
    to[term] = 1;
    for (std::int64_t j = 0; j < w; ++j) to[h + j] = at(term, j);
  }
  return h;
}

/// A strip of a segment of a plane.
void run_part(const Problem& p, const float* in, float* out, const std::int64_t* bases, const std::int64_t* alike,
              const float* weights_x, const float* weights_y, float* ring, std::int64_t part, bool accumulate) {
  const std::int64_t plane = part / (p.segments * p.strips), rest = part % (p.segments * p.strips);
  const std::int64_t y0 = rest / p.strips * p.segment, y1 = std::min(p.y.out, y0 + p.segment);
  const std::int64_t x0 = rest % p.strips * p.strip, x1 = std::min(p.x.out, x0 + p.strip);
  in += plane * p.x.in * p.y.in * p.lanes;
  out += plane * p.x.out * p.y.out * p.lanes;
  const std::int64_t taps = p.y.taps(), width = (x1 - x0) * p.lanes;
  std::int64_t next = 0;  // first input row that is not in the ring
  for (std::int64_t y = y0; y < y1; ++y) {
    const std::int64_t base = p.y.base(y);
    for (next = std::max(next, base); next < base + taps; ++next) {
      p.filter({in + next * p.x.in * p.lanes, ring + next % taps * p.ring_row(), bases, alike, weights_x, x0, x1,
                p.x.taps(), p.x.up, p.x.down});
    }
    float* row = out + (y * p.x.out + x0) * p.lanes;
    CombineArgs c{{}, weights_y + y * taps, taps, width, row, accumulate};
    for (std::int64_t j = 0; j < taps; ++j) c.rows[j] = ring + (base + j) % taps * p.ring_row();
    p.combine(c);
  }
}

}  // namespace

MaybeStep upfirdn2d_cpu(const Upfirdn2dAttrs& a, const Signature& s) {
  const Shape &x = s.in[0].type.shape, &f = s.in[1].type.shape, &y = s.out[0].type.shape;
  const auto block = cpu::common_block({s.in.first(1), s.out});
  if (!cpu::all_f32(s) || !block) return std::nullopt;
  if (x.numel() == 0 || y.numel() == 0 || f.numel() == 0) return std::nullopt;
  Problem p;
  p.x = {x[3], y[3], a.up_x, a.down_x, a.pad_x0, f[1]};
  p.y = {x[2], y[2], a.up_y, a.down_y, a.pad_y0, f[0]};
  if (p.y.taps() > max_ring) return std::nullopt;
  p.lanes = *block;
  p.planes = x[0] * x[1] / p.lanes;
  p.strip = std::min(p.x.out, strip_floats / p.lanes);
  p.strips = (p.x.out + p.strip - 1) / p.strip;
  const std::int64_t wanted = (4 * s.threads + p.planes * p.strips - 1) / (p.planes * p.strips);
  p.segments = std::clamp<std::int64_t>(p.y.out / segment_rows, 1, wanted);
  p.segment = (p.y.out + p.segments - 1) / p.segments;
  p.segments = (p.y.out + p.segment - 1) / p.segment;
  p.correlate = a.correlate;
  p.filter = row_loop(p.lanes, p.x.taps());
  p.combine = cpu::pick<Combine>();

  const Places at = places_of(p, s.threads);
  Step step;
  step.kernel = str("upfirdn2d ", cpu::name_of(cpu::best_isa()));
  step.workspace = at.total;
  step.run = [p, at, threads = y.numel() < (1 << 14) ? 1 : s.threads](const Buffers& b, Stream&) {
    auto* bases = cpu::at<std::int64_t>(b.workspace, at.bases);
    for (std::int64_t o = 0; o < p.x.out; ++o) bases[o] = p.x.base(o);
    auto* alike = cpu::at<std::int64_t>(b.workspace, at.alike);
    auto* filters = cpu::at<float>(b.workspace, at.filters);
    auto* weights_x = cpu::at<float>(b.workspace, at.weights_x);
    auto* weights_y = cpu::at<float>(b.workspace, at.weights_y);
    auto* rings = cpu::at<float>(b.workspace, at.rings);
    const std::int64_t terms = factor(p, b.get<float>(1), filters);
    for (std::int64_t term = 0; term < terms; ++term) {
      const float* filter = filters + term * (p.x.kernel + p.y.kernel);
      p.y.weights(filter, weights_y);
      p.x.weights(filter + p.y.kernel, weights_x);
      count_alike(p.x, weights_x, alike);
      cpu::parallel_parts(threads, p.planes * p.segments * p.strips, [&](int t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t part = begin; part < end; ++part) {
          run_part(p, b.get<float>(0), b.out_as<float>(), bases, alike, weights_x, weights_y,
                   rings + t * p.ring_floats(), part, term > 0);
        }
      });
    }
  };
  return step;
}

LayoutChoices upfirdn2d_cpu_layouts(const Upfirdn2dAttrs&, std::span<const Type> in, std::span<const Type> out) {
  LayoutChoices choices;
  const Layout native = cpu::native_layout();
  if (cpu::fits(in[0].shape, native)) choices.push_back({{native, Layout::nchw}, {native}, 0});
  choices.push_back(cpu::plain_choice(in, out));
  return choices;
}

}  // namespace g2face
