#pragma once
// Winograd convolutions on blocked tensors, compiled per instruction set (see register_gemm.hpp).
// Stride 2 and the transposed convolution are sums of convolutions with 2x2 taps over the phases of the input or
// output.

#include <omp.h>

#include <cstddef>

#include "kernels/cpu/winograd_plan.hpp"
#include "kernels/cpu/winograd_transforms.hpp"

namespace g2face::cpu::winograd::G2FACE_ISA {
namespace {

// What a kind of convolution makes out of a patch. Step: input pixels per output pixel.
template <class F>
struct Dense {  // stride 1
  static constexpr size_t kEdge = F::Y::kEdge, kOut = F::Y::kOut, kStep = 1;
  static G2FACE_INLINE void input(const Patch& patch, float* dst, size_t, size_t slot_stride) {
    transform_patch<F>(patch, 0, 1, dst, slot_stride);
  }
};
template <class F>
struct Strided {  // stride 2: the four phases of the image become four times the channels
  static constexpr size_t kEdge = F::Y::kEdge, kOut = F::Y::kOut, kStep = 2;
  static G2FACE_INLINE void input(const Patch& patch, float* dst, size_t phase_stride, size_t slot_stride) {
    for (size_t phase = 0; phase < 4; ++phase)
      transform_patch<F>(patch, phase / 2 * patch.row + phase % 2 * kBlock, 2, dst + phase * phase_stride, slot_stride);
  }
};
// Transposed, stride 2: one convolution per parity (even, odd) of the output row and column.
template <class EE, class EO, class OE, class OO>
struct Transposed {
  static constexpr size_t kEdge = 6, kOut = EE::Y::kOut, kStep = 1;
  static G2FACE_INLINE void input(const Patch& patch, float* dst, size_t, size_t slot_stride) {
    transform_patch<EE>(patch, 0, 1, dst, slot_stride);
    transform_patch<EO>(patch, 0, 1, dst += EE::kSlots * slot_stride, slot_stride);
    transform_patch<OE>(patch, 0, 1, dst += EO::kSlots * slot_stride, slot_stride);
    transform_patch<OO>(patch, 0, 1, dst += OE::kSlots * slot_stride, slot_stride);
  }
};
using Up3x3 = Transposed<F2d<F52, F52>, F2d<F52, F51>, F2d<F51, F52>, F2d<F51, F51>>;
using Up4x4 = Transposed<F2d<F42, F42>, F2d<F42, F42Later>, F2d<F42Later, F42>, F2d<F42Later, F42Later>>;

// Input transform of one piece of tiles for one block of 16 input channels.
template <class C>
void transform_input(const Args& s, size_t lane, size_t first_tile, size_t count, float* dst) {
  constexpr int edge = int(C::kEdge * C::kStep), out = int(C::kOut * C::kStep);
  const Plan& p = s.plan;
  const size_t ci = size_t(s.shape.ci), pixels = size_t(s.shape.h) * size_t(s.shape.w);
  alignas(64) float border[size_t(edge * edge) * kLane];
  const Patch inner{border, size_t(edge) * kBlock, size_t(edge * edge) * kBlock};
  for (size_t i = 0; i < count; ++i) {
    const Tile t = tile_at(p.tiles_y, p.tiles_x, first_tile + i);
    Patch patch{s.x + (t.image * (ci / kLane) + lane) * pixels * kLane, size_t(s.shape.w) * kBlock, pixels * kBlock};
    const int y0 = int(t.y) * out - p.before, x0 = int(t.x) * out - p.before;
    if (y0 >= 0 && x0 >= 0 && y0 + edge <= s.shape.h && x0 + edge <= s.shape.w) {
      patch.pixels += size_t(y0) * patch.row + size_t(x0) * kBlock;
    } else {
      copy_patch<edge>(patch, s.shape.h, s.shape.w, y0, x0, border);
      patch = inner;
    }
    C::input(patch, dst + i * kLane, ci * count, p.slot_stride);
  }
}

// One row of the weight transform: panels [depth][Width], stride floats apart, from [depth][taps][Width].
template <class F, size_t Width>
void transform_weights(const float* packed, size_t row, size_t depth, float* panels, size_t stride) {
  constexpr size_t H = F::Y::kTaps, W = F::X::kTaps;
  float g[H];
  for (size_t i = 0; i < H; ++i) g[i] = F::Y::weight[row][i];
  for (size_t i = 0; i < depth; ++i, packed += F::kTaps * Width, panels += Width) {
    for (size_t o = 0; o < Width; o += kLane) {
      Vec sum[W];
      unroll<W>([&](auto x) G2FACE_INLINE_LAMBDA {
        Vec v;
        load(v, packed + x * Width + o);
        sum[x] = g[0] * v;
        unroll<H - 1>([&](auto y) G2FACE_INLINE_LAMBDA {
          load(v, packed + ((y + 1) * W + x) * Width + o);
          sum[x] += g[y + 1] * v;
        });
      });
      unroll<F::X::kPanels>([&](auto j) G2FACE_INLINE_LAMBDA {
        Vec v = F::X::weight[j][0] * sum[0];
        unroll<W - 1>([&](auto x) G2FACE_INLINE_LAMBDA { v += F::X::weight[j][x + 1] * sum[x + 1]; });
        store(panels + j * stride + o, v);
      });
    }
  }
}

// Where the outputs of a tile go: pixel (step * i + parity) for i below the limit.
struct Target {
  size_t step, parity_y, parity_x, limit_y, limit_x;
};

// Output transform of the tiles [first, first + count) for one block of 16 output channels.
template <class F>
void transform_output(const Args& s, const Target& to, size_t lane, size_t first, size_t count, const float* sums) {
  constexpr size_t H = F::Y::kEdge, W = F::X::kEdge, OutH = F::Y::kOut, OutW = F::X::kOut;
  const Plan& p = s.plan;
  const size_t col_step = to.step * kBlock, row_step = to.step * p.out_w * kBlock, pixels = p.out_h * p.out_w;
  for (size_t i = 0; i < count; ++i, sums += kLane) {
    Vec half[OutH][W];
    for (size_t x = 0; x < W; ++x) {
      Vec m[H], y[OutH];
      unroll<H>([&](auto r) G2FACE_INLINE_LAMBDA { load(m[r], sums + (r * W + x) * p.sum_stride); });
      F::Y::output(m, y);
      unroll<OutH>([&](auto r) G2FACE_INLINE_LAMBDA { half[r][x] = y[r]; });
    }
    const Tile t = tile_at(p.tiles_y, p.tiles_x, first + i);
    const size_t y0 = t.y * OutH, x0 = t.x * OutW;
    const size_t rows = min_of(OutH, to.limit_y - y0), cols = min_of(OutW, to.limit_x - x0);
    float* dst = s.y + (t.image * (size_t(s.shape.co) / kLane) + lane) * pixels * kLane +
                 ((y0 * to.step + to.parity_y) * p.out_w + x0 * to.step + to.parity_x) * kBlock;
    for (size_t r = 0; r < rows; ++r, dst += row_step) {
      Vec y[OutW];
      F::X::output(half[r], y);
      if (cols == OutW) {
        unroll<OutW>([&](auto c) G2FACE_INLINE_LAMBDA { store_pixel(dst + c * col_step, y[c], pixels * kBlock); });
      } else {
        for (size_t c = 0; c < cols; ++c) store_pixel(dst + c * col_step, y[c], pixels * kBlock);
      }
    }
  }
}

// ---- drivers ----

struct Range {
  size_t begin, end;
};

// Width in channels of the sub-panel that starts at output channel c.
G2FACE_INLINE size_t panel_width(const Args& s, size_t c) { return min_of(kPanel, size_t(s.shape.co) - c); }

// Panels of one row of slots for the sub-panel that starts at channel c; tap: first tap of this transform in the
// packed weights.
template <class F>
G2FACE_INLINE void make_panels(const Args& s, size_t c, size_t tap, size_t row, size_t d, size_t depth, float* panels,
                               size_t stride) {
  const size_t width = panel_width(s, c);
  const float* packed = s.packed + c * s.plan.depth * s.plan.taps + (tap * s.plan.depth + d * F::kTaps) * width;
  if (width == kPanel)
    transform_weights<F, kPanel>(packed, row, depth, panels, stride);
  else
    transform_weights<F, kLane>(packed, row, depth, panels, stride);
}

// Some pieces of the tiles of a shared block and the output channels that one thread makes for them.
struct Work {
  size_t first_tile;
  const Cut& cut;
  Range pieces, channels;
  float *panels, *sums;
};

// One slot of all pieces of a work item: sums (+)= panels * input.
G2FACE_INLINE void multiply_slot(const Args& s, const Work& w, const float* slot, size_t d, size_t depth,
                                 const float* panels, float* sum) {
  const Plan& p = s.plan;
  const size_t origin = w.cut.begin(w.pieces.begin), row_stride = (w.cut.begin(w.pieces.end) - origin) * kLane;
  for (size_t i = w.pieces.begin; i < w.pieces.end; ++i) {
    const size_t begin = w.cut.begin(i), length = w.cut.length(i);
    const float* in = slot + begin * p.depth + d * length;
    const size_t j = i + 1 < w.pieces.end ? i + 1 : w.pieces.begin;
    const float* next = slot + (j > i ? 0 : p.slot_stride) + w.cut.begin(j) * p.depth + d * w.cut.length(j);
    for (size_t c = w.channels.begin; c < w.channels.end; c += kPanel) {
      const size_t sub = (c - w.channels.begin) / kPanel;
      multiply(panel_width(s, c), panels + sub * p.panel_stride, in, next, depth, length,
               sum + 2 * sub * row_stride + (begin - origin) * kLane, row_stride, d > 0);
    }
  }
}

// Weight panels are transformed for one row of slots and kDepth channels at a time: they are used while they are in
// the L1 and L2 caches and never reach memory.
template <class F>
void winograd_group(const Args& s, const Work& w, size_t tap, const float* input, const Target& target) {
  const Plan& p = s.plan;
  for (size_t d = 0; d < p.depth; d += kDepth) {
    const size_t depth = min_of(kDepth, p.depth - d);
    for (size_t row = 0; row < F::Y::kEdge; ++row) {
      if (row < F::Y::kPanels) {
        for (size_t c = w.channels.begin; c < w.channels.end; c += kPanel)
          make_panels<F>(s, c, tap, row, d, depth, w.panels + (c - w.channels.begin) / kPanel * p.panel_stride,
                         2 * p.panel_stride);
      }
      for (size_t col = 0; col < F::X::kEdge; ++col) {
        const size_t slot = row * F::X::kEdge + col, panel = min_of(col, F::X::kPanels - 1);
        multiply_slot(s, w, input + slot * p.slot_stride, d, depth, w.panels + 2 * panel * p.panel_stride,
                      w.sums + slot * p.sum_stride);
      }
    }
  }
  const size_t begin = w.cut.begin(w.pieces.begin), tiles = w.cut.begin(w.pieces.end) - begin;
  for (size_t c = w.channels.begin; c < w.channels.end; c += kLane)
    transform_output<F>(s, target, c / kLane, w.first_tile + begin, tiles, w.sums + (c - w.channels.begin) * tiles);
}

template <class F>
G2FACE_INLINE void run_group(const Args& s, const Work& w, const float* input, Dense<F>) {
  winograd_group<F>(s, w, 0, input, {1, 0, 0, s.plan.out_h, s.plan.out_w});
}
template <class F>
G2FACE_INLINE void run_group(const Args& s, const Work& w, const float* input, Strided<F>) {
  winograd_group<F>(s, w, 0, input, {1, 0, 0, s.plan.out_h, s.plan.out_w});
}
template <class EE, class EO, class OE, class OO>
G2FACE_INLINE void run_group(const Args& s, const Work& w, const float* input, Transposed<EE, EO, OE, OO>) {
  const size_t even_y = (s.plan.out_h + 1) / 2, odd_y = s.plan.out_h / 2, slot = s.plan.slot_stride;
  const size_t even_x = (s.plan.out_w + 1) / 2, odd_x = s.plan.out_w / 2;
  size_t tap = 0;
  winograd_group<EE>(s, w, tap, input, {2, 0, 0, even_y, even_x});
  winograd_group<EO>(s, w, tap += EE::kTaps, input += EE::kSlots * slot, {2, 0, 1, even_y, odd_x});
  winograd_group<OE>(s, w, tap += EO::kTaps, input += EO::kSlots * slot, {2, 1, 0, odd_y, even_x});
  winograd_group<OO>(s, w, tap += OE::kTaps, input += OE::kSlots * slot, {2, 1, 1, odd_y, odd_x});
}

// Deep layers: all threads share the transformed input of a large block, each takes some output channels.
template <class C>
void winograd_shared(const Args& s) {
  const Plan& p = s.plan;
  float* input = s.workspace;
  const size_t lanes = size_t(s.shape.ci) / kLane;
#pragma omp parallel num_threads(s.threads)
  {
    float* panels = input + p.shared_floats + size_t(omp_get_thread_num()) * p.private_floats;
    float* sums = panels + p.panel_floats;
    for (size_t first = 0; first < p.tiles; first += p.block) {
      const Cut cut(min_of(p.block, p.tiles - first));
#pragma omp for schedule(dynamic) collapse(2)
      for (size_t lane = 0; lane < lanes; ++lane)
        for (size_t i = 0; i < cut.pieces; ++i)
          transform_input<C>(s, lane, first + cut.begin(i), cut.length(i),
                             input + cut.begin(i) * p.depth + lane * cut.length(i) * kLane);
#pragma omp for schedule(dynamic) collapse(2)
      for (size_t group = 0; group < p.groups; ++group) {
        for (size_t part = 0; part < p.split; ++part) {
          const Range pieces{cut.pieces * part / p.split, cut.pieces * (part + 1) / p.split};
          const Range channels{group * kGroup, min_of(group * kGroup + kGroup, size_t(s.shape.co))};
          if (pieces.begin < pieces.end) run_group(s, {first, cut, pieces, channels, panels, sums}, input, C{});
        }
      }
    }
  }
}

// Shallow layers: all transformed weights fit the shared cache, each thread keeps its own tiles in its L2 cache.
template <class F>
void winograd_private(const Args& s) {
  constexpr size_t rows = F::Y::kEdge, slots = F::kSlots;
  const Plan& p = s.plan;
  const size_t lanes = size_t(s.shape.ci) / kLane, co = size_t(s.shape.co);
  float* panels = s.workspace;
#pragma omp parallel num_threads(s.threads)
  {
    float* input = panels + p.shared_floats + size_t(omp_get_thread_num()) * p.private_floats;
    float* sums = input + p.input_floats;
#pragma omp for schedule(dynamic) collapse(2)
    for (size_t c = 0; c < co; c += kPanel)
      for (size_t row = 0; row < rows; ++row)
        make_panels<F>(s, c, 0, row, 0, p.depth, panels + (c / kPanel * rows + row) * F::X::kEdge * p.panel_stride,
                       p.panel_stride);
#pragma omp for schedule(dynamic)
    for (size_t block = 0; block < p.blocks; ++block) {
      const size_t first = block * p.block;
      const Cut cut(min_of(p.block, p.tiles - first));
      const size_t tiles = cut.begin(cut.pieces);
      for (size_t i = 0; i < cut.pieces; ++i)
        for (size_t lane = 0; lane < lanes; ++lane)
          transform_input<Dense<F>>(s, lane, first + cut.begin(i), cut.length(i),
                                    input + cut.begin(i) * p.depth + lane * cut.length(i) * kLane);
      for (size_t c = 0; c < co; c += kPanel) {
        const size_t width = panel_width(s, c);
        const float* panel = panels + c / kPanel * slots * p.panel_stride;
        for (size_t slot = 0; slot < slots; ++slot, panel += p.panel_stride) {
          for (size_t d = 0; d < p.depth; d += kDepth) {
            for (size_t i = 0; i < cut.pieces; ++i) {
              const float* in = input + slot * p.slot_stride + cut.begin(i) * p.depth + d * cut.length(i);
              // The input is close by; what has to be fetched early is the next weight panel.
              const float* next = panel + (d + kDepth) * width + i * kDepth * width / cut.pieces;
              multiply(width, panel + d * width, in, next, min_of(kDepth, p.depth - d), cut.length(i),
                       sums + slot * p.sum_stride + cut.begin(i) * kLane, tiles * kLane, d > 0);
            }
          }
        }
        for (size_t r = 0; r < width / kLane; ++r)
          transform_output<F>(s, {1, 0, 0, p.out_h, p.out_w}, c / kLane + r, first, tiles, sums + r * tiles * kLane);
      }
    }
  }
}

}  // namespace

void run(const Args& args) {
  using F3x3 = F2d<F43, F43>;
  switch (args.shape.kind) {
    case Kind::conv3x3:
      return args.plan.private_tiles ? winograd_private<F3x3>(args) : winograd_shared<Dense<F3x3>>(args);
    case Kind::conv3x3_stride2:
    case Kind::conv4x4_stride2:
      return winograd_shared<Strided<F2d<F42, F42>>>(args);
    case Kind::up3x3_stride2:
      return winograd_shared<Up3x3>(args);
    case Kind::up4x4_stride2:
      return winograd_shared<Up4x4>(args);
  }
}

}  // namespace g2face::cpu::winograd::G2FACE_ISA
