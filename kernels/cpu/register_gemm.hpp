#pragma once
// The register block of our own matrix products, written once on a 16-float vector type and compiled per instruction
// set: the including file defines G2FACE_ISA (avx512, avx2 or base) and is compiled for it. No library templates with
// code are used here: their instances could be merged with copies made for a smaller instruction set.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "kernels/cpu/gemm_blocking.hpp"
#include "kernels/cpu/simd.hpp"

namespace g2face::cpu {

// kRows x kCols vectors fit the registers, each of kRegisterFloats; kBlock: channels per block of the tensors.
namespace avx512 {
inline constexpr std::size_t kRows = 2, kCols = 14, kBlock = 16, kRegisterFloats = 16;
}
namespace avx2 {
inline constexpr std::size_t kRows = 1, kCols = 6, kBlock = 8, kRegisterFloats = 8;
}
namespace base {
inline constexpr std::size_t kRows = 1, kCols = 2, kBlock = 8, kRegisterFloats = 4;
}

namespace G2FACE_ISA {
namespace {

using std::size_t;

#define G2FACE_INLINE_LAMBDA __attribute__((always_inline))

// The compiler's vectors must not be wider than a register: GCC keeps a wider one in memory, and each operation on it
// goes there and back. Two vectors make one of twice the width.
using Float4 = float __attribute__((vector_size(16)));
using Float8 = float __attribute__((vector_size(32)));
using Float16 = float __attribute__((vector_size(64)));
using Float4U = float __attribute__((vector_size(16), aligned(4), may_alias));
using Float8U = float __attribute__((vector_size(32), aligned(4), may_alias));
using Float16U = float __attribute__((vector_size(64), aligned(4), may_alias));

template <class Half>
struct Pair {
  Half a, b;

  friend G2FACE_INLINE Pair operator+(const Pair& x, const Pair& y) { return {x.a + y.a, x.b + y.b}; }
  friend G2FACE_INLINE Pair operator-(const Pair& x, const Pair& y) { return {x.a - y.a, x.b - y.b}; }
  friend G2FACE_INLINE Pair operator*(const Pair& x, float k) { return {x.a * k, x.b * k}; }
  friend G2FACE_INLINE Pair operator*(float k, const Pair& x) { return x * k; }
  G2FACE_INLINE Pair& operator+=(const Pair& y) { return *this = *this + y; }
};
using Vec = std::conditional_t<kRegisterFloats == 16, Float16,
                               std::conditional_t<kRegisterFloats == 8, Pair<Float8>, Pair<Pair<Float4>>>>;

G2FACE_INLINE void load(Float4& v, const float* p) { v = *reinterpret_cast<const Float4U*>(p); }
G2FACE_INLINE void load(Float8& v, const float* p) { v = *reinterpret_cast<const Float8U*>(p); }
G2FACE_INLINE void load(Float16& v, const float* p) { v = *reinterpret_cast<const Float16U*>(p); }
G2FACE_INLINE void store(float* p, const Float4& v) { *reinterpret_cast<Float4U*>(p) = v; }
G2FACE_INLINE void store(float* p, const Float8& v) { *reinterpret_cast<Float8U*>(p) = v; }
G2FACE_INLINE void store(float* p, const Float16& v) { *reinterpret_cast<Float16U*>(p) = v; }
template <class Half>
G2FACE_INLINE void load(Pair<Half>& v, const float* p) {
  load(v.a, p);
  load(v.b, p + sizeof(Half) / sizeof(float));
}
template <class Half>
G2FACE_INLINE void store(float* p, const Pair<Half>& v) {
  store(p, v.a);
  store(p + sizeof(Half) / sizeof(float), v.b);
}

// 16 channels of one pixel: together, or in two blocks of 8 that are `half` floats apart.
template <class V>
G2FACE_INLINE void load_pixel(V& v, const float* p, [[maybe_unused]] size_t half) {
  if constexpr (kBlock == kLane) {
    load(v, p);
  } else {
    load(v.a, p);
    load(v.b, p + half);
  }
}
template <class V>
G2FACE_INLINE void store_pixel(float* p, const V& v, [[maybe_unused]] size_t half) {
  if constexpr (kBlock == kLane) {
    store(p, v);
  } else {
    store(p, v.a);
    store(p + half, v.b);
  }
}

// Calls f with the constants 0 .. N-1.
template <size_t N, class F>
G2FACE_INLINE void unroll(F&& f) {
  [&]<size_t... I>(std::index_sequence<I...>) G2FACE_INLINE_LAMBDA { (f(std::integral_constant<size_t, I>{}), ...); }
  (std::make_index_sequence<N>{});
}

constexpr size_t min_of(size_t a, size_t b) { return a < b ? a : b; }

// ---- register block of the GEMM ----

// sum[row][col][16] (+)= acc[row][col]
template <size_t Rows, size_t Cols>
G2FACE_INLINE void store_sums(Vec (&acc)[Rows][Cols], float* sum, size_t row_stride, bool add) {
  unroll<Rows * Cols>([&](auto i) G2FACE_INLINE_LAMBDA {
    float* p = sum + (i / Cols) * row_stride + (i % Cols) * kLane;
    if (add) {
      Vec old;
      load(old, p);
      acc[i / Cols][i % Cols] += old;
    }
    store(p, acc[i / Cols][i % Cols]);
  });
}

// sum[row][col][16] (+)= panel[k][row][16] * input[k/16][col][k%16], k over lanes*16 channels.
template <size_t Rows, size_t Cols, size_t Width>
void block_gemm(const float* panel, const float* input, const float* next, size_t lanes, float* sum, size_t row_stride,
                bool add) {
  Vec acc[Rows][Cols];
  unroll<Rows * Cols>([&](auto i) G2FACE_INLINE_LAMBDA { acc[i / Cols][i % Cols] = Vec{}; });
  for (; lanes > 0; --lanes, input += Cols * kLane) {
    for (size_t quarter = 0; quarter < kLane; quarter += 4) {
      unroll<4>([&](auto k) G2FACE_INLINE_LAMBDA {
        Vec w[Rows];
        unroll<Rows>([&](auto r) G2FACE_INLINE_LAMBDA { load(w[r], panel + k * Width + r * kLane); });
        unroll<Cols>([&](auto c) G2FACE_INLINE_LAMBDA {
          const float v = input[c * kLane + quarter + k];
          unroll<Rows>([&](auto r) G2FACE_INLINE_LAMBDA { acc[r][c] += w[r] * v; });
        });
        if constexpr (k < (Cols + 3) / 4) __builtin_prefetch(next + (quarter / 4 + 4 * k) * kLane, 0, 3);
      });
      panel += 4 * Width;
    }
    next += Cols * kLane;
  }
  store_sums(acc, sum, row_stride, add);
}

using GemmFn = void (*)(const float*, const float*, const float*, size_t, float*, size_t, bool);

template <size_t Width>
struct GemmTable {
  static constexpr size_t rows = Width == 16 ? 1 : kRows;
  GemmFn fn[kCols + 1];
  constexpr GemmTable() : GemmTable(std::make_index_sequence<kCols>{}) {}
  template <size_t... I>
  constexpr explicit GemmTable(std::index_sequence<I...>) : fn{nullptr, block_gemm<rows, I + 1, Width>...} {}
};
template <size_t Width>
constexpr GemmTable<Width> kGemm;

// Columns are cut into nearly equal pieces of at most kCols.
struct Cut {
  size_t pieces, base, extra;
  explicit constexpr Cut(size_t cols)
      : pieces((cols + kCols - 1) / kCols), base(pieces ? cols / pieces : 0), extra(pieces ? cols % pieces : 0) {}
  constexpr size_t begin(size_t i) const { return i * base + min_of(i, extra); }
  constexpr size_t length(size_t i) const { return base + (i < extra ? 1 : 0); }
};

// Multiplies a piece of columns with one panel of weights, [depth][width]. The input is [depth/16][columns][16], so
// that the register block reads it in order.
G2FACE_INLINE void multiply(size_t width, const float* panel, const float* input, const float* next, size_t depth,
                            size_t columns, float* sums, size_t row_stride, bool add) {
  if (width == kPanel) {
    for (size_t row = 0; row < kPanel / kLane; row += GemmTable<kPanel>::rows)
      kGemm<kPanel>.fn[columns](panel + row * kLane, input, next, depth / kLane, sums + row * row_stride, row_stride,
                                add);
  } else {
    kGemm<kLane>.fn[columns](panel, input, next, depth / kLane, sums, row_stride, add);
  }
}

}  // namespace
}  // namespace G2FACE_ISA
}  // namespace g2face::cpu
