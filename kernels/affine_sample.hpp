#pragma once
// What the CPU and CUDA kernels of affine_sample2d compute for a pixel. Positions are in double, so that both ops, and
// every compiler, find a sample between the same pixels.

#include <cmath>
#include <cstdint>

#include "g2face/ops/affine_sample2d.hpp"
#include "kernels/both.hpp"

namespace g2face::affine_sample {

struct Problem {
  std::int64_t samples, channels;
  std::int64_t height, width;  // of the images that are sampled
  std::int64_t rows, columns;  // of the result
  bool slope_x, slope_y;

  G2FACE_BOTH std::int64_t image() const { return height * width; }
  G2FACE_BOTH std::int64_t result() const { return rows * columns; }
};
inline Problem problem(const AffineSample2dAttrs& a, const Shape& images, const Shape& result) {
  return {images[0], images[1], images[2], images[3], result[2], result[3], a.slope_x, a.slope_y};
}

G2FACE_BOTH inline double centre(std::int64_t extent) { return 0.5 * static_cast<double>(extent - 1); }
/// One coordinate of where a map points, `px` and `py` from the centre, before the centre of the image is added.
G2FACE_BOTH inline double along(const float* map, double px, double py) {
  return static_cast<double>(map[0]) * px + static_cast<double>(map[1]) * py + static_cast<double>(map[2]);
}

/// The pixels before and after a position of an axis, and their weights.
struct Taps {
  std::int64_t first;
  float weight[2];
};
/// Returns false for a position that reads no pixel of the axis.
G2FACE_BOTH inline bool find_taps(double position, std::int64_t extent, bool slope, Taps& taps) {
  if (!(position > -1 && position < static_cast<double>(extent))) return false;  // nor if it is NaN
  const std::int64_t before = static_cast<std::int64_t>(position + 1) - 1;
  const auto share = static_cast<float>(position - static_cast<double>(before));
  taps = {before, {slope ? -1.f : 1 - share, slope ? 1.f : share}};
  return true;
}

/// Pixel (i, j) of the result, all channels. x and y: of its sample.
G2FACE_BOTH inline void sample_pixel(const Problem& p, const float* map, const float* x, float* y, std::int64_t i,
                                     std::int64_t j) {
  const double px = static_cast<double>(j) - centre(p.columns), py = static_cast<double>(i) - centre(p.rows);
  Taps h{}, v{};
  y += i * p.columns + j;
  if (!find_taps(along(map, px, py) + centre(p.width), p.width, p.slope_x, h) ||
      !find_taps(along(map + 3, px, py) + centre(p.height), p.height, p.slope_y, v)) {
    for (std::int64_t c = 0; c < p.channels; ++c) y[c * p.result()] = 0;
    return;
  }
  // Taps beyond the image read a pixel of it, with weight zero.
  std::int64_t at[2][2];
  float weight[2][2];
  for (int a = 0; a < 2; ++a) {
    for (int b = 0; b < 2; ++b) {
      const std::int64_t row = v.first + a, column = h.first + b;
      const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
      at[a][b] = inside ? row * p.width + column : 0;
      weight[a][b] = inside ? v.weight[a] * h.weight[b] : 0.f;
    }
  }
  for (std::int64_t c = 0; c < p.channels; ++c) {
    const float* const from = x + c * p.image();
    float sum = 0;
    for (int a = 0; a < 2; ++a) {
      for (int b = 0; b < 2; ++b) {
        if (weight[a][b] != 0) sum += weight[a][b] * from[at[a][b]];
      }
    }
    y[c * p.result()] = sum;
  }
}

/// The pixels of the result that may read a pixel of an image: some rows, and of each row some columns.
struct Readers {
  // A little more than the reach of a bilinear weight, for the rounding of what follows.
  static constexpr double reach = 1.0009765625;

  double map[6];
  double inverse[2];  // the second row of the inverse of the linear part
  bool has_inverse;
  double columns_per_pixel[2];  // along x, along y

  G2FACE_BOTH static Readers of(const float* m) {
    Readers r{};
    for (int k = 0; k < 6; ++k) r.map[k] = static_cast<double>(m[k]);
    const double a = r.map[0], b = r.map[1], c = r.map[3], d = r.map[4], det = a * d - b * c;
    r.has_inverse = fabs(det) > 1e-6 * (a * a + b * b + c * c + d * d);  // false if not finite
    const double scale = r.has_inverse ? 1 / det : 0;
    r.inverse[0] = -c * scale;
    r.inverse[1] = a * scale;
    r.columns_per_pixel[0] = 1 / a;
    r.columns_per_pixel[1] = 1 / c;
    return r;
  }

  /// Cuts [first, last] down to what lies in [low, high], which counts from the centre of the axis.
  G2FACE_BOTH static void cut(double low, double high, std::int64_t extent, std::int64_t& first, std::int64_t& last) {
    const double from = low + centre(extent), to = high + centre(extent);
    if (from > static_cast<double>(last) || to < static_cast<double>(first)) {
      last = first - 1;
      return;
    }
    if (from > static_cast<double>(first)) {
      first = static_cast<std::int64_t>(from);
      if (static_cast<double>(first) < from) ++first;
    }
    if (to < static_cast<double>(last)) last = static_cast<std::int64_t>(to);
  }

  /// The rows that may read pixel (x, y), counted from the centre of its image.
  G2FACE_BOTH void rows(const Problem& p, double x, double y, std::int64_t& first, std::int64_t& last) const {
    first = 0;
    last = p.rows - 1;
    if (!has_inverse) return;
    const double middle = inverse[0] * (x - map[2]) + inverse[1] * (y - map[5]);
    const double half = reach * (fabs(inverse[0]) + fabs(inverse[1]));
    cut(middle - half, middle + half, p.rows, first, last);
  }
  /// Of a row `line`, counted from the centre of the result, the columns.
  G2FACE_BOTH void columns(const Problem& p, double x, double y, double line, std::int64_t& first,
                           std::int64_t& last) const {
    first = 0;
    last = p.columns - 1;
    for (int k = 0; k < 2; ++k) {
      const double rest = (k == 0 ? x : y) - map[3 * k + 1] * line - map[3 * k + 2];
      if (map[3 * k] == 0) {
        if (fabs(rest) >= reach) last = first - 1;
        continue;
      }
      const double a = (rest - reach) * columns_per_pixel[k], b = (rest + reach) * columns_per_pixel[k];
      cut(a < b ? a : b, a < b ? b : a, p.columns, first, last);
    }
  }
};

constexpr int lanes = 4;  // channels of a pixel that are summed at once

/// Pixel (i, j) of an image: what the pixels of dy that read it have for it, channels [channel, channel + lanes).
/// dy, dx: of its sample.
G2FACE_BOTH inline void gather_pixel(const Problem& p, const float* map, const Readers& readers, const float* dy,
                                     float* dx, std::int64_t i, std::int64_t j, std::int64_t channel) {
  const std::int64_t count = p.channels - channel < lanes ? p.channels - channel : lanes;
  const double x = static_cast<double>(j) - centre(p.width), y = static_cast<double>(i) - centre(p.height);
  float sums[lanes] = {};
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  readers.rows(p, x, y, top, bottom);
  for (std::int64_t row = top; row <= bottom; ++row) {
    const double py = static_cast<double>(row) - centre(p.rows);
    readers.columns(p, x, y, py, left, right);
    for (std::int64_t column = left; column <= right; ++column) {
      const double px = static_cast<double>(column) - centre(p.columns);
      Taps h{}, v{};
      if (!find_taps(along(map, px, py) + centre(p.width), p.width, p.slope_x, h) ||
          !find_taps(along(map + 3, px, py) + centre(p.height), p.height, p.slope_y, v))
        continue;
      const std::int64_t a = i - v.first, b = j - h.first;
      if (a < 0 || a > 1 || b < 0 || b > 1) continue;
      const float weight = v.weight[a] * h.weight[b];
      const float* const from = dy + row * p.columns + column + channel * p.result();
      for (int k = 0; k < lanes; ++k) {
        if (k < count) sums[k] += weight * from[k * p.result()];
      }
    }
  }
  for (int k = 0; k < lanes; ++k) {
    if (k < count) dx[(channel + k) * p.image() + i * p.width + j] = sums[k];
  }
}

}  // namespace g2face::affine_sample
