#pragma once
// Gradients of convolution weights in the transformed domain, compiled per instruction set (see register_gemm.hpp).
//
// A Winograd convolution is y = A' [(G w) * (B' x)], so dw = G' [(B' x) * (A dy)], summed over tiles: for each slot a
// matrix product [co, tiles] x [tiles, ci]. Stride 2 is four such gradients, one for each phase of the image.

#include <omp.h>

#include <cstddef>

#include "kernels/cpu/winograd_transforms.hpp"
#include "kernels/cpu/winograd_weight_grad.hpp"

namespace g2face::cpu::winograd::G2FACE_ISA {
namespace {

// Tiles summed in registers: two lanes of transformed values stay in the L1 cache, and short sums bound the error.
constexpr size_t kTiles = 128;
constexpr size_t kGradLanes = 4;  // of input and of output channels in a work item: their values stay in the L2 cache

// sum[row][col][16] (+)= sum over k of dy[row][k][16] * x[k][col]
template <size_t Rows, size_t Cols>
void outer_products(const float* dy, size_t dy_stride, const float* x, size_t count, float* sum, size_t row_stride,
                    bool add) {
  Vec acc[Rows][Cols];
  unroll<Rows * Cols>([&](auto i) G2FACE_INLINE_LAMBDA { acc[i / Cols][i % Cols] = Vec{}; });
  for (size_t k = 0; k < count; ++k, dy += kLane, x += kLane) {
    Vec v[Rows];
    unroll<Rows>([&](auto r) G2FACE_INLINE_LAMBDA { load(v[r], dy + r * dy_stride); });
    unroll<Cols>([&](auto c) G2FACE_INLINE_LAMBDA {
      const float factor = x[c];
      unroll<Rows>([&](auto r) G2FACE_INLINE_LAMBDA { acc[r][c] += v[r] * factor; });
    });
  }
  store_sums(acc, sum, row_stride, add);
}

// One vector of input channels times Rows of output channels.
template <size_t Rows>
G2FACE_INLINE void multiply_lanes(const float* dy, size_t dy_stride, const float* x, size_t count, float* sum,
                                  size_t row_stride, bool add) {
  constexpr Cut cut(kLane);
  unroll<cut.pieces>([&](auto i) G2FACE_INLINE_LAMBDA {
    outer_products<Rows, cut.length(i)>(dy, dy_stride, x + cut.begin(i), count, sum + cut.begin(i) * kLane, row_stride,
                                        add);
  });
}

// One vector of channels of the tiles [first, first + count): transform(patch, dst) of each, whose window begins
// `before` pixels early and has Edge pixels in each direction; tiles are Stride pixels apart.
template <int Edge, class Transform>
void transform_tiles(const GradPlan& p, const float* x, size_t lanes, size_t lane, int h, int w, int stride, int before,
                     size_t first, size_t count, float* dst, Transform&& transform) {
  const size_t pixels = size_t(h) * size_t(w);
  alignas(64) float border[size_t(Edge * Edge) * kLane];
  const Patch inner{border, size_t(Edge) * kBlock, size_t(Edge * Edge) * kBlock};
  Tile t = tile_at(p.tiles_y, p.tiles_x, first);
  for (size_t i = 0; i < count; ++i, dst += kLane) {
    Patch patch{x + (t.image * lanes + lane) * pixels * kLane, size_t(w) * kBlock, pixels * kBlock};
    const int y0 = int(t.y) * stride - before, x0 = int(t.x) * stride - before;
    if (y0 >= 0 && x0 >= 0 && y0 + Edge <= h && x0 + Edge <= w) {
      patch.pixels += size_t(y0) * patch.row + size_t(x0) * kBlock;
      transform(patch, dst);
    } else {
      copy_patch<Edge>(patch, h, w, y0, x0, border);
      transform(inner, dst);
    }
    if (++t.x == p.tiles_x) {
      t.x = 0;
      if (++t.y == p.tiles_y) {
        t.y = 0;
        ++t.image;
      }
    }
  }
}

// The gradient of a tile of outputs, for each slot.
template <class F>
G2FACE_INLINE void spread_patch(const Patch& patch, float* dst, size_t slot_stride) {
  constexpr size_t edge = F::kEdge, out = F::kOut;
  Vec half[edge][out];
  for (size_t x = 0; x < out; ++x) {
    Vec y[out], m[edge];
    unroll<out>([&](auto r)
                    G2FACE_INLINE_LAMBDA { load_pixel(y[r], patch.pixels + r * patch.row + x * kBlock, patch.half); });
    F::spread(y, m);
    unroll<edge>([&](auto r) G2FACE_INLINE_LAMBDA { half[r][x] = m[r]; });
  }
  for (size_t r = 0; r < edge; ++r) {
    Vec m[edge];
    F::spread(half[r], m);
    unroll<edge>([&](auto x) G2FACE_INLINE_LAMBDA { store(dst + (r * edge + x) * slot_stride, m[x]); });
  }
}

// Gradients of the taps of one vector of output channels and one of input channels, out of the sums of all slots.
template <class F, size_t Step>
void transform_sums(const GradArgs& s, size_t phase, const float* sums, size_t lane, size_t in_lane) {
  constexpr size_t edge = F::kEdge, taps = F::kTaps;
  const size_t ci = size_t(s.shape.ci), kernel = size_t(s.shape.taps), all = kernel * kernel;
  sums += (lane * ci + in_lane * kLane) * kLane;
  float* dw = s.dw + (lane * kLane * ci + in_lane * kLane) * all;
  for (size_t c = 0; c < kLane; ++c, sums += kLane, dw += all) {
    Vec half[taps][edge];
    for (size_t x = 0; x < edge; ++x) {
      Vec m[edge];
      unroll<edge>([&](auto y) G2FACE_INLINE_LAMBDA {
        const float* from = sums + (y * edge + x) * s.plan.sum_stride;
        load(m[y], from);
        __builtin_prefetch(from + 4 * kLane, 0, 3);  // too many streams for the hardware to see
      });
      unroll<taps>([&](auto t) G2FACE_INLINE_LAMBDA {
        half[t][x] = F::weight[0][t] * m[0];
        unroll<edge - 1>([&](auto y) G2FACE_INLINE_LAMBDA { half[t][x] += F::weight[y + 1][t] * m[y + 1]; });
      });
    }
    for (size_t u = 0; u < taps; ++u) {
      const size_t row = u * Step + phase / Step;
      for (size_t v = 0; v < taps; ++v) {
        const size_t col = v * Step + phase % Step;
        if (row >= kernel || col >= kernel) continue;
        Vec sum = F::weight[0][v] * half[u][0];
        for (size_t x = 1; x < edge; ++x) sum += F::weight[x][v] * half[u][x];
        alignas(64) float values[kLane];
        store(values, sum);
        for (size_t o = 0; o < kLane; ++o) dw[o * ci * all + row * kernel + col] = values[o];
      }
    }
  }
}

// Sums of one slot for kGradLanes x kGradLanes vectors of channels.
G2FACE_INLINE void add_products(const GradArgs& s, float* sums, size_t slot, size_t first_lane, size_t first_in_lane,
                                size_t count, bool add) {
  const GradPlan& p = s.plan;
  const size_t in_lanes = size_t(s.shape.ci) / kLane, lanes = size_t(s.shape.co) / kLane;
  const float *x = s.workspace + slot * p.x_stride, *dy = s.workspace + p.x_floats + slot * p.dy_stride;
  sums += slot * p.sum_stride;
  for (size_t k = 0; k < count; k += kTiles) {
    const size_t length = min_of(kTiles, count - k);
    for (size_t in_lane = first_in_lane; in_lane < min_of(in_lanes, first_in_lane + kGradLanes); ++in_lane) {
      const float* in = x + (in_lane * p.block + k) * kLane;
      for (size_t lane = first_lane; lane < min_of(lanes, first_lane + kGradLanes); lane += kRows) {
        const float* from = dy + (lane * p.block + k) * kLane;
        float* sum = sums + (lane * in_lanes + in_lane) * kLane * kLane;
        if (lane + kRows <= lanes)
          multiply_lanes<kRows>(from, p.block * kLane, in, length, sum, in_lanes * kLane * kLane, add || k > 0);
        else
          multiply_lanes<1>(from, 0, in, length, sum, 0, add || k > 0);
      }
    }
  }
}

template <class F, size_t Step>
void weight_grad(const GradArgs& s) {
  constexpr int edge = int(F::kEdge * Step), out = int(F::kOut);
  constexpr size_t piece = 16;  // tiles of one work item of a transform
  const GradShape& shape = s.shape;
  const GradPlan& p = s.plan;
  const size_t in_lanes = size_t(shape.ci) / kLane, lanes = size_t(shape.co) / kLane;
  float *x = s.workspace, *dy = x + p.x_floats, *sums = dy + p.dy_floats;
  // Phases one after the other in each block, or with less memory each over all blocks.
  const size_t together = p.phases_together ? Step * Step : 1;
#pragma omp parallel num_threads(s.threads)
  for (size_t begin = 0; begin < Step * Step; begin += together) {
    for (size_t first = 0; first < p.tiles; first += p.block) {
      const size_t count = min_of(p.block, p.tiles - first);
      // What fits one block is the same for all phases.
      if (begin == 0 || p.block < p.tiles) {
#pragma omp for schedule(dynamic) collapse(2) nowait
        for (size_t lane = 0; lane < lanes; ++lane) {
          for (size_t i = 0; i < count; i += piece) {
            transform_tiles<out>(p, s.dy, lanes, lane, shape.out_h, shape.out_w, out, 0, first + i,
                                 min_of(piece, count - i), dy + (lane * p.block + i) * kLane,
                                 [&](const Patch& patch, float* dst)
                                     G2FACE_INLINE_LAMBDA { spread_patch<F>(patch, dst, p.dy_stride); });
          }
        }
      }
      for (size_t phase = begin; phase < begin + together; ++phase) {
#pragma omp for schedule(dynamic) collapse(2)
        for (size_t lane = 0; lane < in_lanes; ++lane) {
          for (size_t i = 0; i < count; i += piece) {
            transform_tiles<edge>(p, s.x, in_lanes, lane, shape.h, shape.w, out * int(Step), shape.pad, first + i,
                                  min_of(piece, count - i), x + (lane * p.block + i) * kLane,
                                  [&](const Patch& patch, float* dst) G2FACE_INLINE_LAMBDA {
                                    transform_patch<F2d<F, F>>(patch, phase / Step * patch.row + phase % Step * kBlock,
                                                               Step, dst, p.x_stride);
                                  });
          }
        }
#pragma omp for schedule(dynamic) collapse(3)
        for (size_t slot = 0; slot < p.slots; ++slot)
          for (size_t lane = 0; lane < lanes; lane += kGradLanes)
            for (size_t in_lane = 0; in_lane < in_lanes; in_lane += kGradLanes)
              add_products(s, sums + (phase - begin) * p.slots * p.sum_stride, slot, lane, in_lane, count, first > 0);
      }
    }
    for (size_t phase = begin; phase < begin + together; ++phase) {
#pragma omp for schedule(static) collapse(2)
      for (size_t lane = 0; lane < lanes; ++lane)
        for (size_t in_lane = 0; in_lane < in_lanes; ++in_lane)
          transform_sums<F, Step>(s, phase, sums + (phase - begin) * p.slots * p.sum_stride, lane, in_lane);
    }
  }
}

}  // namespace

void run_weight_grad(const GradArgs& args) {
  switch (args.shape.kind) {
    case GradKind::conv1x1:
      return weight_grad<F11, 1>(args);
    case GradKind::conv3x3:
      return weight_grad<F43, 1>(args);
    case GradKind::conv3x3_stride2:
    case GradKind::conv4x4_stride2:
      return weight_grad<F42, 2>(args);
  }
}

}  // namespace g2face::cpu::winograd::G2FACE_ISA
