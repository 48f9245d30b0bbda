#pragma once
// antialias and its gradient at one pixel: what the CPU and CUDA kernels compute. Few pixels have an edge beside them,
// so each looks at its neighbours' weights anew, and nothing is passed on or added up elsewhere.

#include "kernels/raster.hpp"

namespace g2face::raster {

/// A sample.
struct EdgeBlend {
  const float* image;      // [channels,height,width]
  const float* distances;  // [4,height,width]: left, right, top, bottom; d ^ 1 is opposite to d
  std::int64_t channels, height, width;

  G2FACE_BOTH std::int64_t pixels() const { return height * width; }
  G2FACE_BOTH bool has(int d, std::int64_t column, std::int64_t row) const {
    return d == 0 ? column > 0 : d == 1 ? column + 1 < width : d == 2 ? row > 0 : row + 1 < height;
  }
  G2FACE_BOTH std::int64_t step(int d) const { return d == 0 ? -1 : d == 1 ? 1 : d == 2 ? -width : width; }
  /// Of the pixel `at`, on side d.
  G2FACE_BOTH float distance(int d, std::int64_t at) const { return distances[d * pixels() + at]; }

  /// The part of its neighbour's colour that a pixel takes, before the parts are divided.
  G2FACE_BOTH float weight(int d, std::int64_t column, std::int64_t row) const {
    const std::int64_t at = row * width + column;
    const float left = 0.5f - distance(d, at);
    const float given = has(d, column, row) ? distance(d ^ 1, at + step(d)) - 0.5f : 0;
    return (left > 0 ? left : 0) + (given > 0 ? given : 0);
  }
  /// All four, and their sum.
  G2FACE_BOTH float weights(std::int64_t column, std::int64_t row, float (&all)[4]) const {
    float total = 0;
    for (int d = 0; d < 4; ++d) {
      all[d] = weight(d, column, row);
      total += all[d];
    }
    return total;
  }

  /// y at a pixel; `to` is a sample of it.
  G2FACE_BOTH void blend(std::int64_t column, std::int64_t row, float* to) const {
    float parts[4];
    const float total = weights(column, row, parts), divisor = total > 1 ? total : 1;
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t at = c * pixels() + row * width + column;
      float change = 0;
      for (int d = 0; d < 4; ++d) {
        if (parts[d] != 0) change += parts[d] * ((has(d, column, row) ? image[at + step(d)] : 0) - image[at]);
      }
      to[at] = image[at] + change / divisor;
    }
  }

  /// What the result of a pixel depends on: the parts of its neighbours' colours in it, and the derivatives of <y, dy>
  /// with respect to their weights, 0 where that is 0.
  struct Slopes {
    float share[4], of_weight[4];
  };
  G2FACE_BOTH Slopes slopes(std::int64_t column, std::int64_t row, const float* dy) const {
    Slopes s{};
    const float total = weights(column, row, s.share), divisor = total > 1 ? total : 1;
    if (total == 0) return s;
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t at = c * pixels() + row * width + column;
      for (int d = 0; d < 4; ++d) {
        if (s.share[d] != 0) s.of_weight[d] += dy[at] * ((has(d, column, row) ? image[at + step(d)] : 0) - image[at]);
      }
    }
    float through_divisor = 0;
    for (int d = 0; d < 4; ++d) {
      s.share[d] /= divisor;
      if (total > 1) through_divisor += s.share[d] * s.of_weight[d];
    }
    for (int d = 0; d < 4; ++d) {
      if (s.share[d] != 0) s.of_weight[d] = (s.of_weight[d] - through_divisor) / divisor;
    }
    return s;
  }

  /// The gradients at a pixel: of what it and its neighbours show.
  G2FACE_BOTH void gradients(std::int64_t column, std::int64_t row, const float* dy, float* dimage,
                             float* ddistances) const {
    const std::int64_t at = row * width + column;
    const Slopes own = slopes(column, row, dy);
    float taken[4] = {}, of_taken[4] = {};  // by the neighbours
    for (int d = 0; d < 4; ++d) {
      const std::int64_t right = d == 0 ? -1 : d == 1 ? 1 : 0, down = d == 2 ? -1 : d == 3 ? 1 : 0;
      if (!has(d, column, row) || weight(d ^ 1, column + right, row + down) == 0) continue;
      const Slopes other = slopes(column + right, row + down, dy);
      taken[d] = other.share[d ^ 1];
      of_taken[d] = other.of_weight[d ^ 1];
    }
    const float kept = 1 - (own.share[0] + own.share[1] + own.share[2] + own.share[3]);
    for (std::int64_t c = 0; c < channels; ++c) {
      const float* const g = dy + c * pixels() + at;
      float sum = kept * *g;
      for (int d = 0; d < 4; ++d) {
        if (taken[d] != 0) sum += taken[d] * g[step(d)];
      }
      dimage[c * pixels() + at] = sum;
    }
    for (int d = 0; d < 4; ++d) {
      const float from = distance(d, at);
      ddistances[d * pixels() + at] = from < 0.5f ? -own.of_weight[d] : from > 0.5f ? of_taken[d] : 0;
    }
  }
};

}  // namespace g2face::raster
