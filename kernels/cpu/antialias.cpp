#include <algorithm>
#include <cstring>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

struct Problem {
  std::int64_t samples, channels, height, width;
  std::int64_t pixels() const { return height * width; }
};

constexpr std::int64_t strip = 256;  // columns that are looked at together

/// What columns [first, last) of a row get from their neighbour on side d, added to weight[d]; neighbours outside of
/// the picture give nothing.
void add_weights(const Problem& p, const float* distances, std::int64_t row, std::int64_t first, std::int64_t last,
                 float (&weight)[4][strip]) {
  const std::int64_t steps[4] = {-1, 1, -p.width, p.width};
  for (int d = 0; d < 4; ++d) {
    const float* const own = distances + d * p.pixels() + row * p.width + first;
    for (std::int64_t i = 0; i < last - first; ++i) weight[d][i] = std::max(0.5f - own[i], 0.f);
    if ((d == 2 && row == 0) || (d == 3 && row + 1 == p.height)) continue;
    const float* const others = distances + (d ^ 1) * p.pixels() + row * p.width + first + steps[d];
    const std::int64_t begin = d == 0 && first == 0 ? 1 : 0, end = last - first - (d == 1 && last == p.width ? 1 : 0);
    for (std::int64_t i = begin; i < end; ++i) weight[d][i] += std::max(others[i] - 0.5f, 0.f);
  }
}

/// Columns [first, last) of a row of a sample. Nearly all pixels have no weight and are copied.
void blend(const Problem& p, const float* image, const float* distances, float* y, std::int64_t row, std::int64_t first,
           std::int64_t last) {
  float weight[4][strip];
  add_weights(p, distances, row, first, last, weight);
  for (std::int64_t c = 0; c < p.channels; ++c) {
    const std::int64_t line = c * p.pixels() + row * p.width;
    std::copy(image + line + first, image + line + last, y + line + first);
  }
  const std::int64_t steps[4] = {-1, 1, -p.width, p.width};
  for (std::int64_t column = first; column < last; ++column) {
    const float w[4] = {weight[0][column - first], weight[1][column - first], weight[2][column - first],
                        weight[3][column - first]};
    const float total = w[0] + w[1] + w[2] + w[3];
    if (total == 0) continue;
    const bool has[4] = {column > 0, column + 1 < p.width, row > 0, row + 1 < p.height};
    const float divisor = std::max(total, 1.f);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const std::int64_t at = c * p.pixels() + row * p.width + column;
      float change = 0;
      for (int d = 0; d < 4; ++d) change += w[d] * ((has[d] ? image[at + steps[d]] : 0.f) - image[at]);
      y[at] = image[at] + change / divisor;
    }
  }
}

}  // namespace

MaybeStep antialias_cpu(const NoAttrs&, const Signature& s) {
  if (!cpu::all_f32(s) || cpu::common_block({s.in, s.out}) != 1) return std::nullopt;
  const Shape& x = s.in[0].type.shape;
  const Problem p{x[0], x[1], x[2], x[3]};
  Step step;
  step.kernel = "antialias rows";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    cpu::parallel_for(threads, p.samples * p.height, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t n = i / p.height, first = n * p.channels * p.pixels();
        for (std::int64_t column = 0; column < p.width; column += strip) {
          blend(p, b.get<float>(0) + first, b.get<float>(1) + n * 4 * p.pixels(), b.out_as<float>() + first,
                i % p.height, column, std::min(column + strip, p.width));
        }
      }
    });
  };
  return step;
}

}  // namespace g2face
