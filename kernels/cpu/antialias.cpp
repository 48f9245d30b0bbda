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

/// One row of a sample. Nearly all pixels have no weight and are copied.
void blend_row(const Problem& p, const float* image, const float* distances, float* y, std::int64_t row) {
  const std::int64_t steps[4] = {-1, 1, -p.width, p.width};
  for (std::int64_t c = 0; c < p.channels; ++c) {
    const std::int64_t line = c * p.pixels() + row * p.width;
    std::copy_n(image + line, p.width, y + line);
  }
  for (std::int64_t column = 0; column < p.width; ++column) {
    const bool has[4] = {column > 0, column + 1 < p.width, row > 0, row + 1 < p.height};
    const std::int64_t at = row * p.width + column;
    float weight[4], total = 0;
    for (int d = 0; d < 4; ++d) {
      weight[d] = std::max(0.5f - distances[d * p.pixels() + at], 0.f);
      if (has[d]) weight[d] += std::max(distances[(d ^ 1) * p.pixels() + at + steps[d]] - 0.5f, 0.f);
      total += weight[d];
    }
    if (total == 0) continue;
    const float divisor = std::max(total, 1.f);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const float* const own = image + c * p.pixels() + at;
      float change = 0;
      for (int d = 0; d < 4; ++d) change += weight[d] * ((has[d] ? own[steps[d]] : 0.f) - own[0]);
      y[c * p.pixels() + at] = own[0] + change / divisor;
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
        blend_row(p, b.get<float>(0) + first, b.get<float>(1) + n * 4 * p.pixels(), b.out_as<float>() + first,
                  i % p.height);
      }
    });
  };
  return step;
}

}  // namespace g2face
