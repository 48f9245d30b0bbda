#include "g2face/nn/resample.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "g2face/ops.hpp"

namespace g2face {
namespace {

/// Rows of weights: out [out,in].
Tensor triangle_weights(std::int64_t in, double first, double share, std::int64_t out) {
  const double length = static_cast<double>(in), step = length * share / static_cast<double>(out);
  const double reach = std::max(1.0, step);
  std::vector<float> weights;
  std::vector<double> row(static_cast<std::size_t>(in));
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = length * first + (static_cast<double>(i) + 0.5) * step;
    double sum = 0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      row[k] = std::max(0.0, 1 - std::abs(static_cast<double>(k) + 0.5 - centre) / reach);
      sum += row[k];
    }
    for (const double w : row) weights.push_back(static_cast<float>(w / sum));
  }
  return Tensor::from({out, in}, weights);
}

}  // namespace

Value resample(Value x, const ImageSquare& part, std::int64_t size) {
  const Shape& s = x.shape();
  check<ShapeError>(s.rank() == 4 && size > 0, "resample: x ", s, " to ", size, "x", size,
                    ", expected [N,C,H,W] and a positive size");
  check<ShapeError>(part.x >= 0 && part.y >= 0 && part.size > 0 && part.x + part.size <= 1 && part.y + part.size <= 1,
                    "resample: the square ", part.size, " at (", part.x, ",", part.y,
                    ") is empty or not in the image, which is 1 at (0,0)");
  Graph& g = *x.graph;
  const std::int64_t images = s[0] * s[1], height = s[2], width = s[3];
  const auto weights = [&](std::int64_t in, double first) {
    return cast(g.constant(triangle_weights(in, first, part.size, size)), x.dtype());
  };
  const Value wide = matmul(reshape(x, {images * height, width}), weights(width, part.x), {.transpose_b = true});
  const Value rows = broadcast_to(reshape(weights(height, part.y), {1, size, height}), {images, size, height});
  const Value y = matmul(rows, reshape(wide, {images, height, size}));
  return reshape(y, {s[0], s[1], size, size});
}

}  // namespace g2face
