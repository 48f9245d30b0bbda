#pragma once
// The transforms of Winograd convolutions on blocked tensors, compiled per instruction set (see register_gemm.hpp).
//
// Method: Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks".

#include <cstddef>

#include "kernels/cpu/register_gemm.hpp"

namespace g2face::cpu::winograd::G2FACE_ISA {
namespace {

using namespace cpu::G2FACE_ISA;

// ---- one-dimensional transforms, F(outputs, taps) ----
// Interpolation points: +-a, +-b and infinity, for the longer ones also 0. a and b were chosen for small errors.
// kPanels: how many different weight panels the transform needs; kSkip: input elements before its window.
// spread is the transpose of output: what the gradient of the outputs says of each slot.

struct F43 {
  static constexpr size_t kEdge = 6, kOut = 4, kTaps = 3, kPanels = 6, kSkip = 0;
  static constexpr float a = 0.625F, b = 1.5F, a2 = a * a, b2 = b * b;
  static constexpr double da = 0.625, db = 1.5, dn = 2 * (da * da - db * db);
  static constexpr float weight[6][3] = {
      {float(1 / (da * da * db * db)), 0.F, 0.F},
      {float(1 / (da * da * dn)), float(1 / (da * dn)), float(1 / dn)},
      {float(1 / (da * da * dn)), float(-1 / (da * dn)), float(1 / dn)},
      {float(-1 / (db * db * dn)), float(-1 / (db * dn)), float(-1 / dn)},
      {float(-1 / (db * db * dn)), float(1 / (db * dn)), float(-1 / dn)},
      {0.F, 0.F, 1.F},
  };
  static G2FACE_INLINE void input(Vec (&d)[6]) {
    const Vec ea = d[4] - b2 * d[2], oa = a * (d[3] - b2 * d[1]);
    const Vec eb = d[4] - a2 * d[2], ob = b * (d[3] - a2 * d[1]);
    d[0] = a2 * b2 * d[0] - (a2 + b2) * d[2] + d[4];
    d[5] = a2 * b2 * d[1] - (a2 + b2) * d[3] + d[5];
    d[1] = ea + oa;
    d[2] = ea - oa;
    d[3] = eb + ob;
    d[4] = eb - ob;
  }
  static G2FACE_INLINE void output(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec sa = m[1] + m[2], da_ = m[1] - m[2], sb = m[3] + m[4], db_ = m[3] - m[4];
    y[0] = m[0] + sa + sb;
    y[1] = a * da_ + b * db_;
    y[2] = a2 * sa + b2 * sb;
    y[3] = a2 * a * da_ + b2 * b * db_ + m[5];
  }
  static G2FACE_INLINE void spread(const Vec (&y)[4], Vec (&m)[6]) {
    const Vec ea = y[0] + a2 * y[2], oa = a * (y[1] + a2 * y[3]);
    const Vec eb = y[0] + b2 * y[2], ob = b * (y[1] + b2 * y[3]);
    m[0] = y[0];
    m[1] = ea + oa;
    m[2] = ea - oa;
    m[3] = eb + ob;
    m[4] = eb - ob;
    m[5] = y[3];
  }
};

struct F42 {
  static constexpr size_t kEdge = 5, kOut = 4, kTaps = 2, kPanels = 5, kSkip = 0;
  static constexpr float a = 0.5F, b = 1.25F, a2 = a * a, b2 = b * b;
  static constexpr double da = 0.5, db = 1.25, dn = 2 * (da * da - db * db);
  static constexpr float weight[5][2] = {
      {float(1 / (da * dn)), float(1 / dn)},
      {float(-1 / (da * dn)), float(1 / dn)},
      {float(-1 / (db * dn)), float(-1 / dn)},
      {float(1 / (db * dn)), float(-1 / dn)},
      {0.F, 1.F},
  };
  static G2FACE_INLINE void input(Vec (&d)[5]) {
    const Vec ea = d[3] - b2 * d[1], oa = a * (d[2] - b2 * d[0]);
    const Vec eb = d[3] - a2 * d[1], ob = b * (d[2] - a2 * d[0]);
    d[4] = a2 * b2 * d[0] - (a2 + b2) * d[2] + d[4];
    d[0] = ea + oa;
    d[1] = ea - oa;
    d[2] = eb + ob;
    d[3] = eb - ob;
  }
  static G2FACE_INLINE void output(const Vec (&m)[5], Vec (&y)[4]) {
    const Vec sa = m[0] + m[1], da_ = m[0] - m[1], sb = m[2] + m[3], db_ = m[2] - m[3];
    y[0] = sa + sb;
    y[1] = a * da_ + b * db_;
    y[2] = a2 * sa + b2 * sb;
    y[3] = a2 * a * da_ + b2 * b * db_ + m[4];
  }
  static G2FACE_INLINE void spread(const Vec (&y)[4], Vec (&m)[5]) {
    const Vec ea = y[0] + a2 * y[2], oa = a * (y[1] + a2 * y[3]);
    const Vec eb = y[0] + b2 * y[2], ob = b * (y[1] + b2 * y[3]);
    m[0] = ea + oa;
    m[1] = ea - oa;
    m[2] = eb + ob;
    m[3] = eb - ob;
    m[4] = y[3];
  }
};

struct F52 {
  static constexpr size_t kEdge = 6, kOut = 5, kTaps = 2, kPanels = 6, kSkip = 0;
  static constexpr float a = F43::a, b = F43::b, a2 = a * a, b2 = b * b;
  static constexpr double da = F43::da, db = F43::db, dn = F43::dn;
  static constexpr float weight[6][2] = {
      {float(1 / (da * da * db * db)), 0.F},
      {float(1 / (da * da * dn)), float(1 / (da * dn))},
      {float(1 / (da * da * dn)), float(-1 / (da * dn))},
      {float(-1 / (db * db * dn)), float(-1 / (db * dn))},
      {float(-1 / (db * db * dn)), float(1 / (db * dn))},
      {0.F, 1.F},
  };
  static G2FACE_INLINE void input(Vec (&d)[6]) { F43::input(d); }
  static G2FACE_INLINE void output(const Vec (&m)[6], Vec (&y)[5]) {
    const Vec sa = m[1] + m[2], da_ = m[1] - m[2], sb = m[3] + m[4], db_ = m[3] - m[4];
    y[0] = m[0] + sa + sb;
    y[1] = a * da_ + b * db_;
    y[2] = a2 * sa + b2 * sb;
    y[3] = a2 * a * da_ + b2 * b * db_;
    y[4] = a2 * a2 * sa + b2 * b2 * sb + m[5];
  }
};

// The same, of a window that begins a pixel later.
struct F42Later : F42 {
  static constexpr size_t kSkip = 1;
};

// A single tap, in the tiling of F52: the same weights serve all five positions.
struct F51 {
  static constexpr size_t kEdge = 5, kOut = 5, kTaps = 1, kPanels = 1, kSkip = 1;
  static constexpr float weight[1][1] = {{1.F}};
  static G2FACE_INLINE void input(Vec (&)[5]) {}
  static G2FACE_INLINE void output(const Vec (&m)[5], Vec (&y)[5]) {
    unroll<5>([&](auto i) G2FACE_INLINE_LAMBDA { y[i] = m[i]; });
  }
};

// No transform: one pixel, one tap.
struct F11 {
  static constexpr size_t kEdge = 1, kOut = 1, kTaps = 1, kSkip = 0;
  static constexpr float weight[1][1] = {{1.F}};
  static G2FACE_INLINE void input(Vec (&)[1]) {}
  static G2FACE_INLINE void spread(const Vec (&y)[1], Vec (&m)[1]) { m[0] = y[0]; }
};

// A separable transform: rows by Y, columns by X.
template <class Fy, class Fx>
struct F2d {
  using Y = Fy;
  using X = Fx;
  static constexpr size_t kTaps = Y::kTaps * X::kTaps, kSlots = Y::kEdge * X::kEdge;
};

// ---- two-dimensional passes ----

struct Tile {
  size_t image, y, x;
};

G2FACE_INLINE Tile tile_at(size_t tiles_y, size_t tiles_x, size_t index) {
  const size_t per_image = tiles_y * tiles_x, rest = index % per_image;
  return {index / per_image, rest / tiles_x, rest % tiles_x};
}

// Pixels of the input: rows `row` floats apart, blocks of channels `half` floats.
struct Patch {
  const float* pixels;
  size_t row, half;
};

// Transforms every step-th pixel from `offset` on and writes one vector per slot.
template <class F>
G2FACE_INLINE void transform_patch(const Patch& patch, size_t offset, size_t step, float* dst, size_t slot_stride) {
  constexpr size_t H = F::Y::kEdge, W = F::X::kEdge;
  const float* src = patch.pixels + offset + F::Y::kSkip * patch.row + F::X::kSkip * kBlock;
  Vec half[H][W];
  for (size_t x = 0; x < W; ++x) {
    Vec d[H];
    unroll<H>([&](auto y)
                  G2FACE_INLINE_LAMBDA { load_pixel(d[y], src + (y * patch.row + x * kBlock) * step, patch.half); });
    F::Y::input(d);
    unroll<H>([&](auto y) G2FACE_INLINE_LAMBDA { half[y][x] = d[y]; });
  }
  for (size_t y = 0; y < H; ++y) {
    F::X::input(half[y]);
    unroll<W>([&](auto x) G2FACE_INLINE_LAMBDA { store(dst + (y * W + x) * slot_stride, half[y][x]); });
  }
}

// Copies the part of a patch that lies inside the image, zero elsewhere.
template <int Edge>
void copy_patch(const Patch& plane, int h, int w, int y0, int x0, float* dst) {
  for (int y = 0; y < Edge; ++y) {
    for (int x = 0; x < Edge; ++x, dst += kBlock) {
      const bool inside = y0 + y >= 0 && y0 + y < h && x0 + x >= 0 && x0 + x < w;
      Vec v{};
      if (inside) load_pixel(v, plane.pixels + size_t(y0 + y) * plane.row + size_t(x0 + x) * kBlock, plane.half);
      store_pixel(dst, v, size_t(Edge * Edge) * kBlock);
    }
  }
}

}  // namespace
}  // namespace g2face::cpu::winograd::G2FACE_ISA
