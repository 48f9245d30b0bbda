// Matrix products: oneDNN, and loops of our own for a few rows, where reading b once is all that counts.

#include <array>
#include <vector>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/onednn.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

constexpr std::int64_t few_rows = 4, most_exact_rows = 16;
constexpr std::int64_t column_tile = 256;

struct Product {
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;
};

struct Range {
  const float *a, *b;  // a [m,k]
  float* c;            // [m,n]
  std::int64_t m, n, k;
  std::int64_t begin, end;  // columns of c
};

/// b [n,k]: each element of c is the product of two rows. Four rows of b at a time hide the latency of adding.
template <int m>
struct RowProducts {
  template <int rows>
  G2FACE_INLINE void some(const Range& r, std::int64_t j) const {
    const std::int64_t k = r.k;
    for (int i = 0; i < m; ++i) {
      const float* a = r.a + i * k;
      const float* b = r.b + j * k;
      float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      if constexpr (rows == 4) {
#pragma omp simd reduction(+ : s0, s1, s2, s3)
        for (std::int64_t t = 0; t < k; ++t) {
          s0 += a[t] * b[t];
          s1 += a[t] * b[t + k];
          s2 += a[t] * b[t + 2 * k];
          s3 += a[t] * b[t + 3 * k];
        }
        float* c = r.c + i * r.n + j;
        c[0] = s0;
        c[1] = s1;
        c[2] = s2;
        c[3] = s3;
      } else {
#pragma omp simd reduction(+ : s0)
        for (std::int64_t t = 0; t < k; ++t) s0 += a[t] * b[t];
        r.c[i * r.n + j] = s0;
      }
    }
  }
  G2FACE_INLINE void operator()(const Range& r) const {
    std::int64_t j = r.begin;
    for (; j + 4 <= r.end; j += 4) some<4>(r, j);
    for (; j < r.end; ++j) some<1>(r, j);
  }
};

/// b [k,n]: rows of b are added to a tile of c.
template <int m>
struct RowSums {
  G2FACE_INLINE void operator()(const Range& r) const {
    for (std::int64_t j = r.begin; j < r.end; j += column_tile) {
      const std::int64_t width = r.end - j < column_tile ? r.end - j : column_tile;
      float sums[m][column_tile] = {};
      for (std::int64_t t = 0; t < r.k; ++t) {
        const float* b = r.b + t * r.n + j;
        for (int i = 0; i < m; ++i) {
          const float factor = r.a[i * r.k + t];
          float* sum = sums[i];
#pragma omp simd
          for (std::int64_t x = 0; x < width; ++x) sum[x] += factor * b[x];
        }
      }
      for (int i = 0; i < m; ++i) {
        for (std::int64_t x = 0; x < width; ++x) r.c[i * r.n + j + x] = sums[i][x];
      }
    }
  }
};

/// The same for any number of rows, summed in double and rounded once: what `strict` takes where networks amplify what
/// one chain of f32 sums loses.
struct ExactRowProducts {
  G2FACE_INLINE void operator()(const Range& r) const {
    for (std::int64_t i = 0; i < r.m; ++i) {
      for (std::int64_t j = r.begin; j < r.end; ++j) {
        const float *a = r.a + i * r.k, *b = r.b + j * r.k;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t t = 0; t < r.k; ++t) sum += static_cast<double>(a[t]) * b[t];
        r.c[i * r.n + j] = static_cast<float>(sum);
      }
    }
  }
};
struct ExactRowSums {
  G2FACE_INLINE void operator()(const Range& r) const {
    for (std::int64_t j = r.begin; j < r.end; j += column_tile) {
      const std::int64_t width = r.end - j < column_tile ? r.end - j : column_tile;
      for (std::int64_t i = 0; i < r.m; ++i) {
        double sums[column_tile] = {};
        for (std::int64_t t = 0; t < r.k; ++t) {
          const double factor = r.a[i * r.k + t];
          const float* b = r.b + t * r.n + j;
#pragma omp simd
          for (std::int64_t x = 0; x < width; ++x) sums[x] += factor * b[x];
        }
        for (std::int64_t x = 0; x < width; ++x) r.c[i * r.n + j + x] = static_cast<float>(sums[x]);
      }
    }
  }
};

using Loop = void (*)(const Range&);

template <template <int> class Kernel>
Loop loop_for(std::int64_t m) {
  const std::array<Loop, few_rows> loops = {cpu::pick<Kernel<1>>(), cpu::pick<Kernel<2>>(), cpu::pick<Kernel<3>>(),
                                            cpu::pick<Kernel<4>>()};
  return loops.at(static_cast<std::size_t>(m - 1));
}

Step rows_step(const Product& p, bool exact, int threads) {
  const Loop loop = exact ? (p.transpose_b ? cpu::pick<ExactRowProducts>() : cpu::pick<ExactRowSums>())
                          : (p.transpose_b ? loop_for<RowProducts>(p.m) : loop_for<RowSums>(p.m));
  const bool gathers = p.transpose_a && p.m > 1;
  Step step;
  step.kernel = str(exact ? "matmul exact rows:" : "matmul rows:", cpu::name_of(cpu::best_isa()));
  if (gathers) step.workspace = static_cast<std::size_t>(p.m * p.k) * sizeof(float);
  const int used = p.n * p.k < (1 << 15) ? 1 : threads;
  step.run = [p, loop, gathers, used](const Buffers& buffers, Stream&) {
    for (std::int64_t i = 0; i < p.batch; ++i) {
      const float* a = buffers.get<float>(0) + i * p.m * p.k;
      if (gathers) {
        float* rows = static_cast<float*>(buffers.workspace);
        for (std::int64_t r = 0; r < p.m; ++r) {
          for (std::int64_t t = 0; t < p.k; ++t) rows[r * p.k + t] = a[t * p.m + r];
        }
        a = rows;
      }
      const float* b = buffers.get<float>(1) + i * p.k * p.n;
      float* c = buffers.out_as<float>() + i * p.m * p.n;
      cpu::parallel_parts(used, p.n, [&](int, std::int64_t begin, std::int64_t end) {
        loop({a, b, c, p.m, p.n, p.k, begin, end});
      });
    }
  };
  return step;
}

MaybeStep library_step(const Product& p, const Signature& s) {
  using onednn::Format;
  const bool batched = p.batch > 1;
  const auto dims = [&](std::int64_t rows, std::int64_t columns) {
    return batched ? std::vector{p.batch, rows, columns} : std::vector{rows, columns};
  };
  const auto operand = [&](bool transposed, const std::vector<std::int64_t>& d) {
    return transposed ? onednn::transposed(DType::f32, d) : Format::plain(DType::f32, d);
  };
  const auto a_dims = dims(p.m, p.k), b_dims = dims(p.k, p.n), c_dims = dims(p.m, p.n);
  const Format a = operand(p.transpose_a, a_dims), b = operand(p.transpose_b, b_dims);
  const Format c = Format::plain(DType::f32, c_dims);
  const bool packs = s.known[1] && !batched;
  const auto product = onednn::matmul(a, packs ? Format::any(DType::f32, b_dims) : b, c, s.threads);
  if (!product) return std::nullopt;
  Step step;
  step.kernel = str("matmul onednn:", product->name());
  step.workspace = product->scratchpad_bytes();
  if (packs && !(product->format(1) == b)) {
    const onednn::Primitive reorder = onednn::reorder(b, product->format(1), s.threads);
    step.packings.push_back(onednn::packing(1, reorder));
  }
  step.run = [product = *product](const Buffers& buffers, Stream&) {
    product.run(std::array<const void*, 3>{buffers.in[0], buffers.in[1], buffers.out[0]}, buffers.workspace);
  };
  return step;
}

}  // namespace

MaybeStep matmul_cpu(const MatmulAttrs& attrs, const Signature& s) {
  if (!cpu::all_f32(s) || s.out[0].type.shape.numel() == 0) return std::nullopt;
  const Shape& a = s.in[0].type.shape;
  const Shape& c = s.out[0].type.shape;
  Product p;
  p.transpose_a = attrs.transpose_a;
  p.transpose_b = attrs.transpose_b;
  p.m = c[-2];
  p.n = c[-1];
  p.k = attrs.transpose_a ? a[-2] : a[-1];
  p.batch = c.numel() / (p.m * p.n);
  if (p.k == 0) return std::nullopt;
  if (s.precision == Precision::strict && p.m <= most_exact_rows) return rows_step(p, true, s.threads);
  if (p.m <= few_rows) return rows_step(p, false, s.threads);
  return library_step(p, s);
}

}  // namespace g2face
