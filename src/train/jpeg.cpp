// JPEG as graph: colours, blocks, cosines, quantization, and back.

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/gather.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/transpose.hpp"
#include "g2face/ops/unary.hpp"
#include "g2face/train/channel.hpp"
#include "train/resample.hpp"

namespace g2face {
namespace {

constexpr std::int64_t side = 8, area = side * side;
using Table = std::array<float, area>;  // row by row, from low to high frequencies

/// ITU-T T.81, tables K.1 and K.2: for a quality of 50.
constexpr Table luma_steps = {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                              14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                              18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                              49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
constexpr Table chroma_steps = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99,
                                99, 99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

/// Red, green and blue to brightness and two differences of colour, and back (JFIF 1.02).
constexpr std::array<float, 9> to_ycc = {0.299F, 0.587F, 0.114F,        -0.168735892F, -0.331264108F,
                                         0.5F,   0.5F,   -0.418687589F, -0.081312411F};
constexpr std::array<float, 9> to_rgb = {1, 0, 1.402F, 1, -0.344136286F, -0.714136286F, 1, 1.772F, 0};

/// The two-dimensional discrete cosine transform, orthonormal: [64 pixels, 64 frequencies].
Tensor cosines() {
  Tensor t({DType::f32, {area, area}});
  const auto wave = [](std::int64_t x, std::int64_t frequency) {
    const double scale = frequency == 0 ? std::sqrt(0.125) : 0.5;
    return scale * std::cos((2 * static_cast<double>(x) + 1) * static_cast<double>(frequency) * std::numbers::pi / 16);
  };
  auto to = t.mutable_as<float>().begin();
  for (std::int64_t pixel = 0; pixel < area; ++pixel)
    for (std::int64_t f = 0; f < area; ++f)
      *to++ = static_cast<float>(wave(pixel / side, f / side) * wave(pixel % side, f % side));
  return t;
}

/// As the integers that libjpeg keeps between its steps; the gradient passes.
Value whole(Value x) { return x - rest_of_rounding(x); }

/// Each pixel's colour times a matrix, row by row.
Value mixed(Value x, const std::array<float, 9>& matrix) {
  const Shape& s = x.shape();
  const Value m = x.graph->constant(Tensor::from({1, 3, 3}, matrix));
  return reshape(matmul(broadcast_to(m, {s[0], 3, 3}), reshape(x, {s[0], 3, s[2] * s[3]})), s);
}

/// libjpeg's percentage for a quality, [N,1]: 5000 / q up to 50, 200 - 2 q from there on, in whole numbers.
Value percentage(Value quality) {
  const Value rising = clamp(quality, 1, 50), falling = clamp(quality, 50, 100);
  return round(5000 * reciprocal(rising) - 0.49) - 2 * (falling - 50);
}

/// Written with coefficients that are multiples of the steps in a table, and read.   x [N,C,h,w], whole numbers about
/// 0, h and w multiples of 8; percent [N,1]
Value quantized(Value x, const Table& table, Value percent) {
  const Shape& s = x.shape();
  const std::int64_t n = s[0], rows = s[1] * s[2] / side, columns = s[3] / side, blocks = rows * columns;
  Graph& g = *x.graph;
  const Value cosine = g.constant(cosines()), at_50 = g.constant(Tensor::from({1, area}, table));
  // The quotient of whole numbers without its fraction, which has hundredths.
  const Value steps = reshape(clamp(round((percent * at_50 + 50) / 100 - 0.495), 1, 255), {n, 1, area});
  const Value split = transpose(reshape(x, {n, rows, side, columns, side}), {0, 1, 3, 2, 4});
  Value f = reshape(matmul(reshape(split, {n * blocks, area}), cosine), {n, blocks, area}) / steps;
  f = whole(f) * steps;
  const Value back = whole(matmul(reshape(f, {n * blocks, area}), cosine, {.transpose_b = true}));
  return clamp(reshape(transpose(reshape(back, {n, rows, columns, side, side}), {0, 1, 3, 2, 4}), s), -128, 127);
}

/// Continued at the right and below by its last pixels to multiples of `unit`.
Value filled_up(Value x, std::int64_t unit) {
  for (const int axis : {2, 3}) {
    const std::int64_t extent = x.shape()[axis];
    if (extent % unit == 0) continue;
    std::vector<std::int64_t> index;
    for (std::int64_t i = 0; i < (extent + unit - 1) / unit * unit; ++i) index.push_back(std::min(i, extent - 1));
    x = gather(x, axis, std::move(index));
  }
  return x;
}

/// Means of 2x2.
Value halved(Value x) {
  const Shape& s = x.shape();
  return mean(reshape(x, {s[0], s[1], s[2] / 2, 2, s[3] / 2, 2}), {.axes = {3, 5}});
}

/// Three parts of the nearer sample and one of the other, along both axes.
Value doubled(Value x) {
  const Shape& s = x.shape();
  const auto along = [&](int axis) {
    const auto size = [&](std::int64_t extent) {
      return x.graph->constant(Tensor::full({DType::f32, {1, 1, 1}}, static_cast<double>(extent)));
    };
    const std::int64_t in = s[axis], out = 2 * in;
    return broadcast_to(triangle_weights(in, size(in), out, size(out)), {s[0], out, in});
  };
  return resample(x, along(2), along(3));
}

}  // namespace

Value jpeg(Value image, Value quality, bool halve_colours) {
  const Shape& s = image.shape();
  check<ShapeError>(image.dtype() == DType::f32 && s.rank() == 4 && s[1] == 3, "jpeg: image ", image.type().str(),
                    " must be f32[N,3,H,W]");
  check<ShapeError>(quality.type() == Type{DType::f32, {s[0]}}, "jpeg: quality ", quality.type().str(), " must be ",
                    Type{DType::f32, {s[0]}}.str());
  const Value percent = percentage(reshape(quality, {s[0], 1}));
  // Grey is 0 for the transform: 128 of 0..255, which is near the middle of -1..1.
  constexpr double half = 127.5, middle = 128 / half - 1;
  const Value filled = filled_up(round_to_bytes(image), halve_colours ? 2 * side : side);
  const Value ycc = whole(mixed(affine(filled, half, -middle * half), to_ycc));
  const Value luma = quantized(slice_axis(ycc, 1, 0, 1), luma_steps, percent);
  const Value colours = slice_axis(ycc, 1, 1, 2);
  const Value chroma = halve_colours ? whole(doubled(quantized(whole(halved(colours)), chroma_steps, percent)))
                                     : quantized(colours, chroma_steps, percent);
  const Value back = round_to_bytes(affine(mixed(concat({luma, chroma}, 1), to_rgb), 1 / half, middle));
  return slice(back, {0, 0, 0, 0}, {s[0], 3, s[2], s[3]});
}

}  // namespace g2face
