// For each face the rows of J, times the square roots of their weights, then J^T J by tiles in registers (gram.hpp):
// two of three multiply-adds of a fit. The derivative to a landmark's three coordinates is 2 x 3, so its rows for all
// coefficients are six multiples of rows of the basis. What belongs to one landmark is computed in double: it costs
// nothing and residuals keep their last bits.

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/cpu/gram.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/simd.hpp"

namespace g2face {
namespace {

using Settings = LandmarkNormalEquationsAttrs;
constexpr std::int64_t pose_size = 6;

struct FaceArgs {
  const float *mean, *basis, *precision, *rotation, *translation, *coefficients, *landmarks, *weights;
  float *hessian, *right, *residuals, *cost;
  float* rows;  // scratch: 2 points rows of gram_stride(pose_size + modes)
  std::int64_t points, modes;
  const Settings* settings;
};

struct Robust {
  double rho, slope;
};

G2FACE_INLINE Robust robust(const Settings& a, double u2) {
  const double k2 = a.scale * a.scale;
  if (a.loss == LandmarkLoss::geman_mcclure) {
    const double share = k2 / (k2 + u2);
    return {u2 * share, share * share};
  }
  if (a.loss == LandmarkLoss::squares || u2 <= k2) return {u2, 1};
  const double u = std::sqrt(u2);
  return {2 * a.scale * u - k2, a.scale / u};
}

struct FaceLoop {
  G2FACE_INLINE static float dot(const float* x, const float* y, std::int64_t n) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
    return sum;
  }

  /// Row of J for one coordinate of landmark l, from the derivative `by` to the point p = q + t.
  G2FACE_INLINE static void write_row(const FaceArgs& f, std::int64_t l, const double* q, const double* by, float* row,
                                      std::int64_t stride) {
    row[0] = static_cast<float>(q[1] * by[2] - q[2] * by[1]);
    row[1] = static_cast<float>(q[2] * by[0] - q[0] * by[2]);
    row[2] = static_cast<float>(q[0] * by[1] - q[1] * by[0]);
    float to_shape[3];
    for (int a = 0; a < 3; ++a) {
      row[3 + a] = static_cast<float>(by[a]);
      double sum = 0;
      for (int b = 0; b < 3; ++b) sum += by[b] * static_cast<double>(f.rotation[3 * b + a]);
      to_shape[a] = static_cast<float>(sum);
    }
    const float *bx = f.basis + l * 3 * f.modes, *by_ = bx + f.modes, *bz = by_ + f.modes;
#pragma omp simd
    for (std::int64_t k = 0; k < f.modes; ++k) {
      row[pose_size + k] = to_shape[0] * bx[k] + to_shape[1] * by_[k] + to_shape[2] * bz[k];
    }
    std::fill(row + pose_size + f.modes, row + stride, 0.f);
  }

  /// Writes rows of the landmarks that count and returns their number.
  G2FACE_INLINE static std::int64_t write_rows(const FaceArgs& f, std::int64_t stride) {
    const Settings& a = *f.settings;
    std::int64_t count = 0;
    double cost = 0;
    for (std::int64_t k = 0; k < f.modes; ++k) {
      const double c = static_cast<double>(f.coefficients[k]), precision = static_cast<double>(f.precision[k]);
      cost += precision * c * c;
      f.right[pose_size + k] = static_cast<float>(-precision * c);
    }
    std::fill_n(f.right, pose_size, 0.f);
    for (std::int64_t l = 0; l < f.points; ++l) {
      double s[3], q[3], p[3];
      for (int i = 0; i < 3; ++i) {
        s[i] = static_cast<double>(f.mean[3 * l + i]) +
               static_cast<double>(dot(f.basis + (3 * l + i) * f.modes, f.coefficients, f.modes));
      }
      for (int i = 0; i < 3; ++i) {
        q[i] = 0;
        for (int j = 0; j < 3; ++j) q[i] += static_cast<double>(f.rotation[3 * i + j]) * s[j];
        p[i] = q[i] + static_cast<double>(f.translation[i]);
      }
      const double inverse = 1 / std::max(a.distance - p[2], a.distance / 100), scale = a.focal * inverse;
      const double x = p[0] * scale, y = p[1] * scale;
      const double residual[2] = {x + a.centre_x - static_cast<double>(f.landmarks[2 * l]),
                                  y + a.centre_y - static_cast<double>(f.landmarks[2 * l + 1])};
      for (int i = 0; i < 2; ++i) f.residuals[2 * l + i] = static_cast<float>(residual[i]);
      const double weight = static_cast<double>(f.weights[l]);
      if (weight == 0) continue;
      const Robust r = robust(a, weight * (residual[0] * residual[0] + residual[1] * residual[1]));
      cost += r.rho;
      const double root = std::sqrt(weight * r.slope);
      const double by[2][3] = {{root * scale, 0, root * x * inverse}, {0, root * scale, root * y * inverse}};
      for (int i = 0; i < 2; ++i, ++count) {
        float* row = f.rows + count * stride;
        write_row(f, l, q, by[i], row, stride);
        const auto force = static_cast<float>(root * residual[i]);
#pragma omp simd
        for (std::int64_t j = 0; j < pose_size + f.modes; ++j) f.right[j] -= force * row[j];
      }
    }
    *f.cost = static_cast<float>(cost / 2);
    return count;
  }

  G2FACE_INLINE void operator()(const FaceArgs& f) const {
    const std::int64_t n = pose_size + f.modes, stride = cpu::gram_stride(n);
    const std::int64_t rows = write_rows(f, stride);
    for (std::int64_t i = 0; i < n; i += cpu::gram_rows) {
      const std::int64_t last = std::min(i + cpu::gram_rows, n);
      for (std::int64_t r = i; r < last; ++r) std::fill_n(f.hessian + r * n, r, 0.f);
      for (std::int64_t j = i / cpu::gram_columns * cpu::gram_columns; j < n; j += cpu::gram_columns) {
        cpu::GramTile tile;
        tile.clear();
        tile.multiply<false>(f.rows, stride, rows, i, j);
        float sums[cpu::gram_rows * cpu::gram_columns];
        tile.store(sums, cpu::gram_columns);
        for (std::int64_t r = i; r < last; ++r) {
          const float* from = sums + (r - i) * cpu::gram_columns - j;
          const std::int64_t first = std::max(r, j), end = std::min(j + cpu::gram_columns, n);
          if (first < end) std::copy(from + first, from + end, f.hessian + r * n + first);
        }
      }
    }
    for (std::int64_t k = 0; k < f.modes; ++k) f.hessian[(pose_size + k) * (n + 1)] += f.precision[k];
  }
};

}  // namespace

MaybeStep landmark_normal_equations_cpu(const LandmarkNormalEquationsAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s)) return std::nullopt;
  const std::int64_t points = s.in[1].type.shape[0], modes = s.in[1].type.shape[2], faces = s.in[5].type.shape[0];
  const std::int64_t n = pose_size + modes;
  const auto scratch = (static_cast<std::size_t>(2 * points * cpu::gram_stride(n)) * sizeof(float) + 63) / 64 * 64;
  const auto loop = cpu::pick<FaceLoop>();
  Step step;
  step.kernel = str("landmark_normal_equations tiles:", cpu::name_of(cpu::best_isa()));
  step.workspace = static_cast<std::size_t>(s.threads) * scratch;
  step.run = [=, threads = s.threads](const Buffers& b, Stream&) {
    cpu::parallel_parts(threads, faces, [&](int thread, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        loop({b.get<float>(0), b.get<float>(1), b.get<float>(2), b.get<float>(3) + 9 * i, b.get<float>(4) + 3 * i,
              b.get<float>(5) + modes * i, b.get<float>(6) + 2 * points * i, b.get<float>(7) + points * i,
              b.out_as<float>() + n * n * i, b.out_as<float>(1) + n * i, b.out_as<float>(2) + 2 * points * i,
              b.out_as<float>(3) + i, cpu::at<float>(b.workspace, static_cast<std::size_t>(thread) * scratch), points,
              modes, &a});
      }
    });
  };
  return step;
}

}  // namespace g2face
