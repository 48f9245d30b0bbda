// a = u^T u by tiles of four rows: what the rows above take away from a tile is a product in registers (gram.hpp), and
// only the four rows are then finished one after the other. u lies by rows, so that every loop runs along memory.

#include <algorithm>
#include <cmath>

#include "kernels/cpu/gram.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/simd.hpp"

namespace g2face {
namespace {

struct SolveArgs {
  const float *a, *b;
  float *x, *ok;
  float *u, *column;  // scratch: gram_stride(n)^2 and gram_stride(n)
  std::int64_t n, columns;
};

struct SolveLoop {
  /// The upper triangle of a in whole tiles; beyond n a unit matrix, which changes nothing.
  G2FACE_INLINE static void copy(const SolveArgs& s, std::int64_t stride) {
    for (std::int64_t i = 0; i < stride; ++i) {
      float* row = s.u + i * stride;
      std::fill(row, row + stride, 0.f);
      if (i < s.n) {
        std::copy(s.a + i * s.n + i, s.a + (i + 1) * s.n, row + i);
      } else {
        row[i] = 1;
      }
    }
  }
  /// Finishes rows i..i+3 once the rows above are taken away from them.
  G2FACE_INLINE static bool finish_rows(float* u, std::int64_t stride, std::int64_t i) {
    for (std::int64_t r = i; r < i + cpu::gram_rows; ++r) {
      float* row = u + r * stride;
      const float pivot = row[r];
      if (!(pivot > 0) || !std::isfinite(pivot)) return false;
      const float scale = 1 / std::sqrt(pivot);
#pragma omp simd
      for (std::int64_t j = r; j < stride; ++j) row[j] *= scale;
      for (std::int64_t below = r + 1; below < i + cpu::gram_rows; ++below) {
        float* to = u + below * stride;
        const float factor = row[below];
#pragma omp simd
        for (std::int64_t j = below; j < stride; ++j) to[j] -= factor * row[j];
      }
    }
    return true;
  }
  G2FACE_INLINE static bool factorise(float* u, std::int64_t stride) {
    for (std::int64_t i = 0; i < stride; i += cpu::gram_rows) {
      for (std::int64_t j = i / cpu::gram_columns * cpu::gram_columns; j < stride; j += cpu::gram_columns) {
        cpu::GramTile tile;
        tile.load(u + i * stride + j, stride);
        tile.multiply<true>(u, stride, i, i, j);
        tile.store(u + i * stride + j, stride);
      }
      if (!finish_rows(u, stride, i)) return false;
    }
    return true;
  }
  G2FACE_INLINE static void substitute(const float* u, float* x, std::int64_t n, std::int64_t stride) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float* row = u + i * stride;
      const float y = x[i] / row[i];
      x[i] = y;
#pragma omp simd
      for (std::int64_t j = i + 1; j < n; ++j) x[j] -= y * row[j];
    }
    for (std::int64_t i = n; i-- > 0;) {
      const float* row = u + i * stride;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t j = i + 1; j < n; ++j) sum += row[j] * x[j];
      x[i] = (x[i] - sum) / row[i];
    }
  }
  G2FACE_INLINE void operator()(const SolveArgs& s) const {
    const std::int64_t stride = cpu::gram_stride(s.n);
    copy(s, stride);
    bool ok = factorise(s.u, stride);
    for (std::int64_t c = 0; ok && c < s.columns; ++c) {
      for (std::int64_t i = 0; i < s.n; ++i) s.column[i] = s.b[i * s.columns + c];
      substitute(s.u, s.column, s.n, stride);
      for (std::int64_t i = 0; i < s.n; ++i) {
        ok = ok && std::isfinite(s.column[i]);
        s.x[i * s.columns + c] = s.column[i];
      }
    }
    if (!ok) std::fill(s.x, s.x + s.n * s.columns, 0.f);
    *s.ok = ok ? 1 : 0;
  }
};

}  // namespace

MaybeStep cholesky_solve_cpu(const NoAttrs&, const Signature& s) {
  if (!cpu::all_f32(s)) return std::nullopt;
  const Shape& b = s.in[1].type.shape;
  const std::int64_t batch = b[0], n = b[1], columns = b[2], stride = cpu::gram_stride(n);
  const auto scratch = static_cast<std::size_t>((stride + 1) * stride) * sizeof(float);  // a multiple of 64
  const auto loop = cpu::pick<SolveLoop>();
  Step step;
  step.kernel = str("cholesky_solve tiles:", cpu::name_of(cpu::best_isa()));
  step.workspace = static_cast<std::size_t>(s.threads) * scratch;
  step.run = [=, threads = s.threads](const Buffers& buffers, Stream&) {
    cpu::parallel_parts(threads, batch, [&](int thread, std::int64_t begin, std::int64_t end) {
      auto* u = cpu::at<float>(buffers.workspace, static_cast<std::size_t>(thread) * scratch);
      for (std::int64_t i = begin; i < end; ++i) {
        loop({buffers.get<float>(0) + i * n * n, buffers.get<float>(1) + i * n * columns,
              buffers.out_as<float>() + i * n * columns, buffers.out_as<float>(1) + i, u, u + stride * stride, n,
              columns});
      }
    });
  };
  return step;
}

}  // namespace g2face
