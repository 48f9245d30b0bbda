#include "train/resample.hpp"

#include "g2face/ops/binary.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/unary.hpp"
#include "g2face/train/channel.hpp"

namespace g2face {
namespace {

/// 0, 1, ... as `shape`.
Value counted(Graph& g, const Shape& shape) {
  Tensor t({DType::f32, shape});
  float next = 0;
  for (float& v : t.mutable_as<float>()) v = next++;
  return g.constant(t);
}

}  // namespace

Value rest_of_rounding(Value x) {
  constexpr double fine = 1024;
  return round((x - round(x)) * fine) / fine;  // rounding has no gradient
}

Value triangle_weights(std::int64_t in, Value in_size, std::int64_t out, Value out_size) {
  Graph& g = *in_size.graph;
  const Value from = counted(g, {1, 1, in}), to = counted(g, {1, out, 1});
  const Value ratio = in_size / out_size, reach = relu(ratio - 1) + 1;
  const Value distance = abs(from - ((to + 0.5) * ratio - 0.5)) / reach;
  const Value weights = relu(affine(distance, -1, 1)) * greater(in_size, from);
  // Rows after the last one that counts may have nothing to sum.
  return weights / (relu(sum(weights, {.axes = {2}, .keep_dims = true}) - 1e-6) + 1e-6);
}

Value resample(Value x, Value rows, Value columns) {
  const Shape& s = x.shape();
  const std::int64_t n = s[0], c = s[1], height = rows.shape()[1], width = columns.shape()[1];
  const Value wide = matmul(reshape(x, {n, c * s[2], s[3]}), columns, {.transpose_b = true});
  const Value each = broadcast_to(reshape(rows, {n, 1, height, s[2]}), {n, c, height, s[2]});
  return matmul(each, reshape(wide, {n, c, s[2], width}));
}

Value resize_and_back(Value image, Value size) {
  const Shape& s = image.shape();
  check<ShapeError>(s.rank() == 4, "resize_and_back: image ", image.type().str(), " must have rank 4");
  check<ShapeError>(size.type() == Type{image.dtype(), {s[0], 2}}, "resize_and_back: size ", size.type().str(),
                    " must be ", Type{image.dtype(), {s[0], 2}}.str());
  const auto along = [&](int axis) {
    const std::int64_t extent = s[axis], n = s[0];
    const Value all = image.graph->constant(Tensor::full({DType::f32, {1, 1, 1}}, static_cast<double>(extent)));
    const Value fewer = reshape(slice_axis(size, 1, axis - 2, 1), {n, 1, 1});
    const Value down = triangle_weights(extent, broadcast_to(all, {n, 1, 1}), extent, fewer);
    const Value up = triangle_weights(extent, fewer, extent, broadcast_to(all, {n, 1, 1}));
    return matmul(up, down);
  };
  return resample(image, along(2), along(3));
}

}  // namespace g2face
