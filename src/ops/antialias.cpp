#include "g2face/ops/antialias.hpp"

#include <array>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/pad.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"

namespace g2face {
namespace {

constexpr int directions = 4;  // left, right, top, bottom

Types infer(const NoAttrs&, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  check<ShapeError>(x.rank() == 4 && is_float(in[0].dtype), "image ", in[0].str(),
                    " must have rank 4 and a floating dtype (R1)");
  const Type wanted{in[0].dtype, {x[0], directions, x[2], x[3]}};
  check<ShapeError>(in[1] == wanted, "distances ", in[1].str(), " must be ", wanted.str(), " (R2)");
  return {in[0]};
}

/// At each pixel the value of its neighbour on that side; 0 outside.
Value neighbour(Value x, int direction) {
  const int axis = direction < 2 ? 3 : 2;
  const std::int64_t size = x.shape()[axis];
  const bool before = direction % 2 == 0;
  const Value rest = slice_axis(x, axis, before ? 0 : 1, size - 1);
  std::vector<std::int64_t> first(4), last(4);
  (before ? first : last)[static_cast<std::size_t>(axis)] = 1;
  return pad(rest, first, last);
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const NoAttrs&) {
  const Value image = in[0];
  const auto distance = [&](int d) { return slice_axis(in[1], 1, d, 1); };
  Value total, change;
  for (int d = 0; d < directions; ++d) {
    const Value given = relu(affine(distance(d), -1, 0.5));
    const Value taken = neighbour(relu(distance(d ^ 1) - 0.5), d);  // seen from there, this pixel is on the other side
    const Value weight = given + taken, step = weight * (neighbour(image, d) - image);
    total = total ? total + weight : weight;
    change = change ? change + step : step;
  }
  return {image + change / (relu(total - 1) + 1)};
}

}  // namespace

Value antialias(Value image, Value distances) { return image.graph->add(antialias_op, {image, distances}, NoAttrs{}); }

const OpDef antialias_op = define_fused_op<NoAttrs, infer, formula>("antialias").with_cpu<NoAttrs, antialias_cpu>();

}  // namespace g2face
