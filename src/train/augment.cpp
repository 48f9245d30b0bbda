// The images' part: pads, and the graph.

#include "g2face/train/augment.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "g2face/ops/affine_sample2d.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/gather.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/unary.hpp"
#include "g2face/ops/upfirdn2d.hpp"

namespace g2face {
namespace {

/// The low-pass filter of the sym6 wavelet (Daubechies 1992), rounded to f32.
constexpr float sym6[] = {0.015404109327027373f, 0.0034907120842174702f, -0.11799011114819057f,
                          -0.048311742585633f,   0.4910559419267466f,    0.787641141030194f,
                          0.3379294217276218f,   -0.07263752278646252f,  -0.021060292512300564f,
                          0.04472490177066578f,  0.0017677118642428036f, -0.007800708325034148f};
constexpr std::int64_t taps = std::size(sym6);
constexpr std::int64_t margin = taps / 2;         // pixels over the image that the filters reach
constexpr std::int64_t result_margin = taps / 4;  // of the result, on each side, for the filter that halves

void check_size(std::int64_t height, std::int64_t width) {
  check<ShapeError>(height >= 2 && width >= 2, "augment: images of ", height, "x", width,
                    " pixels must have 2 or more along each side");
}

/// x continued along an axis by all of its reflection: c b | a b c | b a.
Value reflect(Value x, int axis) {
  const std::int64_t extent = x.shape()[axis];
  std::vector<std::int64_t> index;
  for (std::int64_t k = 1 - extent; k < 2 * extent - 1; ++k)
    index.push_back(extent - 1 - std::abs(extent - 1 - std::abs(k)));
  return gather(x, axis, std::move(index));
}

/// For an axis of a reflected image, or of one `factor` times as fine: 1 from `before` pixels before the image to
/// `after` behind it, elsewhere 0.
Value within(std::int64_t extent, std::int64_t factor, Value before, Value after) {
  const std::int64_t room = extent - 1, count = factor * (extent + 2 * room);
  Tensor t({DType::f64, {count}});
  for (std::int64_t k = 0; k < count; ++k)
    t.mutable_as<double>()[static_cast<std::size_t>(k)] =
        (static_cast<double>(k) + 0.5) / static_cast<double>(factor) - static_cast<double>(room);
  const Value at = before.graph->constant(t.to(before.dtype()));
  return greater(at, -before) * greater(after + static_cast<double>(extent), at);
}

/// x, reflected and `factor` times as fine, without what lies beyond the pads.
Value blank(Value x, const Shape& images, std::int64_t factor, Value pads) {
  const auto pad = [&](std::int64_t side) { return slice(pads, {side}, {1}); };
  const Value columns = within(images[3], factor, pad(0), pad(1)), rows = within(images[2], factor, pad(2), pad(3));
  return x * columns * reshape(rows, {rows.shape()[0], 1});
}

/// Where the samples of the doubled result lie in the doubled image: affine_sample2d's map. The filters put both half a
/// sample off: the sample d from the centre stands for the point (d + 1/2) / 2 of the image.
Value sampling_map(Value geometry) {
  const std::int64_t n = geometry.shape()[0];
  const Value rows = slice(geometry, {0, 0, 0}, {n, 2, 3});
  const Value weights = geometry.graph->constant(Tensor::from({3}, {0.5, 0.5, 2}).to(geometry.dtype()));
  const Value offset = sum(rows * weights, {.axes = {2}, .keep_dims = true}) - 0.5;
  return concat({slice_axis(rows, 2, 0, 2), offset}, 2);
}

}  // namespace

Tensor reflection_pads(const Tensor& geometry, std::int64_t height, std::int64_t width) {
  check_size(height, width);
  const Shape& s = geometry.shape();
  check<ShapeError>(geometry.dtype() == DType::f32 && s.rank() == 3 && s == Shape{s[0], 3, 3}, "augment: geometry ",
                    geometry.type().str(), " must be f32[N,3,3]");
  const double cx = 0.5 * static_cast<double>(width - 1), cy = 0.5 * static_cast<double>(height - 1);
  std::array<double, 4> most{};
  for (std::size_t n = 0; n < static_cast<std::size_t>(s[0]); ++n) {
    const std::span<const float> m = geometry.as<float>().subspan(9 * n, 9);
    for (const double x : {-cx, cx}) {
      for (const double y : {-cy, cy}) {
        const double column = m[0] * x + m[1] * y + m[2], row = m[3] * x + m[4] * y + m[5];
        const std::array<double, 4> reached = {-column - cx, column - cx, -row - cy, row - cy};
        for (std::size_t side = 0; side < 4; ++side) most[side] = std::max(most[side], reached[side] + margin);
      }
    }
  }
  Tensor pads({DType::f32, {4}});
  for (std::size_t side = 0; side < 4; ++side)
    pads.mutable_as<float>()[side] = static_cast<float>(std::ceil(std::min(most[side], side < 2 ? 2 * cx : 2 * cy)));
  return pads;
}

AugmentInputs augment_inputs(Graph& graph, const std::string& name, std::int64_t samples) {
  return {graph.input({DType::f32, {samples, 3, 3}}, str(name, "/geometry")),
          graph.input({DType::f32, {4}}, str(name, "/pads")),
          graph.input({DType::f32, {samples, 4, 4}}, str(name, "/colours"))};
}

Value augment_geometry(Value images, Value geometry, Value pads) {
  const Shape& s = images.shape();
  check<ShapeError>(s.rank() == 4, "augment: images ", images.type().str(), " must have rank 4");
  check_size(s[2], s[3]);
  check<ShapeError>(geometry.type() == Type{images.dtype(), {s[0], 3, 3}}, "augment: geometry ", geometry.type().str(),
                    " must be ", Type{images.dtype(), {s[0], 3, 3}}.str());
  check<ShapeError>(pads.type() == Type{images.dtype(), {4}}, "augment: pads ", pads.type().str(), " must be ",
                    Type{images.dtype(), {4}}.str());
  Graph& g = *images.graph;
  const Tensor filter = Tensor::from({1, taps}, sym6).to(images.dtype());
  const Value along_x = g.constant(filter), along_y = g.constant(filter.reshape({taps, 1}));

  Value y = blank(reflect(reflect(images, 3), 2), s, 1, pads);
  y = upfirdn2d(y, along_x, {.up_x = 2, .pad_x0 = taps / 2, .pad_x1 = taps / 2 - 1});
  y = upfirdn2d(y, along_y, {.up_y = 2, .pad_y0 = taps / 2, .pad_y1 = taps / 2 - 1});
  y = affine_sample2d(blank(y, s, 2, pads), sampling_map(geometry),
                      {.height = 2 * (s[2] + 2 * result_margin), .width = 2 * (s[3] + 2 * result_margin)});
  y = upfirdn2d(y, along_x, {.down_x = 2, .pad_x0 = -1, .pad_x1 = -1, .correlate = true});
  return upfirdn2d(y, along_y, {.down_y = 2, .pad_y0 = -1, .pad_y1 = -1, .correlate = true});
}

Value augment_colours(Value images, Value colours) {
  const Shape& s = images.shape();
  check<ShapeError>(s.rank() == 4 && s[1] == 3, "augment: images ", images.type().str(), " must be [N,3,H,W]");
  check<ShapeError>(colours.type() == Type{images.dtype(), {s[0], 4, 4}}, "augment: colours ", colours.type().str(),
                    " must be ", Type{images.dtype(), {s[0], 4, 4}}.str());
  const Value mixed = matmul(slice(colours, {0, 0, 0}, {s[0], 3, 3}), reshape(images, {s[0], 3, s[2] * s[3]}));
  return reshape(mixed + slice(colours, {0, 0, 3}, {s[0], 3, 1}), s);
}

Value augment(Value images, const AugmentInputs& in) {
  return augment_colours(augment_geometry(images, in.geometry, in.pads), in.colours);
}

}  // namespace g2face
