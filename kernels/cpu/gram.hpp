#pragma once
// Tiles of x^T x in registers: what normal equations are made of, and most of what a Cholesky factorisation does.

#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd.hpp"

namespace g2face::cpu {

/// A tile: 4 rows times 3 vectors of 8 fill the 16 registers of AVX2.
constexpr std::int64_t gram_rows = 4, gram_columns = 24;

/// Rows of this many floats hold n columns in whole tiles.
constexpr std::int64_t gram_stride(std::int64_t n) { return (n + gram_columns - 1) / gram_columns * gram_columns; }

struct GramTile {
  using Vector = float __attribute__((vector_size(32)));
  static constexpr int vectors = 3;

  Vector sum[gram_rows][vectors];

  // What an unaligned vector type promises differs between compilers; they all know a copy of 32 bytes. It goes by way
  // of a variable of its own: copies of elements of `sum` would keep all of it in memory.
  G2FACE_INLINE static void read(Vector& to, const float* from) {
    Vector v;
    std::memcpy(&v, from, sizeof(v));
    to = v;
  }
  G2FACE_INLINE static void write(float* to, const Vector& from) {
    const Vector v = from;
    std::memcpy(to, &v, sizeof(v));
  }

  G2FACE_INLINE void clear() {
    for (auto& row : sum) {
      for (Vector& v : row) v = Vector{};
    }
  }
  G2FACE_INLINE void load(const float* from, std::int64_t stride) {
    for (std::int64_t r = 0; r < gram_rows; ++r) {
      for (int v = 0; v < vectors; ++v) read(sum[r][v], from + r * stride + v * 8);
    }
  }
  G2FACE_INLINE void store(float* to, std::int64_t stride) const {
    for (std::int64_t r = 0; r < gram_rows; ++r) {
      for (int v = 0; v < vectors; ++v) write(to + r * stride + v * 8, sum[r][v]);
    }
  }
  /// Adds or subtracts, for `count` rows of x, its columns from i on times its columns from j on.
  template <bool subtract>
  G2FACE_INLINE void multiply(const float* x, std::int64_t stride, std::int64_t count, std::int64_t i, std::int64_t j) {
    for (std::int64_t k = 0; k < count; ++k, x += stride) {
      Vector right[vectors];
      for (int v = 0; v < vectors; ++v) read(right[v], x + j + v * 8);
      for (std::int64_t r = 0; r < gram_rows; ++r) {
        const float left = subtract ? -x[i + r] : x[i + r];
        for (int v = 0; v < vectors; ++v) sum[r][v] += left * right[v];
      }
    }
  }
};

}  // namespace g2face::cpu
