// Nearly all pixels are far from an edge. Those that are not are found first, a strip of a row at once.

#include <algorithm>
#include <cmath>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/edge_blend.hpp"

namespace g2face {
namespace {

using raster::EdgeBlend;

constexpr std::int64_t strip = 256;  // columns

/// A row's columns [first, last): 0 where neither the pixel nor a neighbour has a distance that blends the two.
void find_edges(const EdgeBlend& e, std::int64_t row, std::int64_t first, std::int64_t last, float (&edge)[strip]) {
  std::fill_n(edge, last - first, 0.f);
  for (int d = 0; d < 4; ++d) {
    const float* const own = e.distances + d * e.pixels() + row * e.width + first;
    for (std::int64_t i = 0; i < last - first; ++i) edge[i] += std::fabs(own[i] - 0.5f);
    if (d >= 2 && !e.has(d, 0, row)) continue;
    const float* const others = e.distances + (d ^ 1) * e.pixels() + row * e.width + first + e.step(d);
    const std::int64_t begin = d == 0 && first == 0 ? 1 : 0, end = last - first - (d == 1 && last == e.width ? 1 : 0);
    for (std::int64_t i = begin; i < end; ++i) edge[i] += std::fabs(others[i] - 0.5f);
  }
}

/// Calls row_of(sample, row) for all rows, then pixel(sample, column, row) for their pixels beside edges.
template <class Row, class Pixel>
void for_each_row(int threads, std::int64_t samples, EdgeBlend first, const Row& row_of, const Pixel& pixel) {
  cpu::parallel_for(threads, samples * first.height, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t n = i / first.height, row = i % first.height;
      EdgeBlend e = first;
      e.image += n * e.channels * e.pixels();
      e.distances += n * 4 * e.pixels();
      row_of(e, n, row);
      float edge[strip];
      for (std::int64_t column = 0; column < e.width; column += strip) {
        const std::int64_t last = std::min(column + strip, e.width);
        find_edges(e, row, column, last, edge);
        for (std::int64_t k = column; k < last; ++k) {
          if (edge[k - column] != 0) pixel(e, n, k, row);
        }
      }
    }
  });
}

void copy_row(const EdgeBlend& e, const float* from, float* to, std::int64_t row) {
  for (std::int64_t c = 0; c < e.channels; ++c) {
    std::copy_n(from + c * e.pixels() + row * e.width, e.width, to + c * e.pixels() + row * e.width);
  }
}

bool takes(const Signature& s) { return cpu::all_f32(s) && cpu::common_block({s.in, s.out}) == 1; }

}  // namespace

MaybeStep antialias_cpu(const NoAttrs&, const Signature& s) {
  if (!takes(s)) return std::nullopt;
  Step step;
  step.kernel = "antialias rows";
  step.run = [x = s.in[0].type.shape, threads = s.threads](const Buffers& b, Stream&) {
    const EdgeBlend first{b.get<float>(0), b.get<float>(1), x[1], x[2], x[3]};
    const auto of = [&](std::int64_t n) { return b.out_as<float>() + n * first.channels * first.pixels(); };
    for_each_row(
        threads, x[0], first,
        [&](const EdgeBlend& e, std::int64_t n, std::int64_t row) { copy_row(e, e.image, of(n), row); },
        [&](const EdgeBlend& e, std::int64_t n, std::int64_t column, std::int64_t row) {
          e.blend(column, row, of(n));
        });
  };
  return step;
}

MaybeStep antialias_grad_cpu(const NoAttrs&, const Signature& s) {
  if (!takes(s)) return std::nullopt;
  Step step;
  step.kernel = "antialias_grad rows";
  step.run = [x = s.in[1].type.shape, threads = s.threads](const Buffers& b, Stream&) {
    const EdgeBlend first{b.get<float>(1), b.get<float>(2), x[1], x[2], x[3]};
    const std::int64_t size = first.channels * first.pixels(), planes = 4 * first.pixels();
    for_each_row(
        threads, x[0], first,
        [&](const EdgeBlend& e, std::int64_t n, std::int64_t row) {
          copy_row(e, b.get<float>(0) + n * size, b.out_as<float>(0) + n * size, row);
          for (int d = 0; d < 4; ++d) {
            std::fill_n(b.out_as<float>(1) + n * planes + d * e.pixels() + row * e.width, e.width, 0.f);
          }
        },
        [&](const EdgeBlend& e, std::int64_t n, std::int64_t column, std::int64_t row) {
          e.gradients(column, row, b.get<float>(0) + n * size, b.out_as<float>(0) + n * size,
                      b.out_as<float>(1) + n * planes);
        });
  };
  return step;
}

}  // namespace g2face
