#include "g2face/ops/minibatch_stddev.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "g2face/ops/all_reduce.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/unary.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const MinibatchStddevAttrs& a, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  check<ShapeError>(x.rank() == 4 && is_float(in[0].dtype), "x ", in[0].str(),
                    " must have rank 4 and a floating dtype (R1)");
  check<ShapeError>(a.group > 0 && x[0] > 0 && x[0] % std::min(x[0], a.group) == 0, "the batch of x ", x,
                    " is not divisible into groups of ", std::min(x[0], a.group), " (R2)");
  check<ShapeError>(a.features > 0 && x[1] % a.features == 0, "the channels of x ", x, " are not divisible by ",
                    a.features, " features (R3)");
  return {{in[0].dtype, x.with(1, x[1] + a.features)}};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const MinibatchStddevAttrs& a) {
  const Value x = in[0];
  const std::int64_t n = x.shape()[0], c = x.shape()[1], h = x.shape()[2], w = x.shape()[3];
  const std::int64_t group = std::min(n, a.group), subgroups = n / group;
  const ReduceAttrs over_group{.axes = {0}, .keep_dims = true};
  const Value members = reshape(x, {group, subgroups, a.features, c / a.features, h, w});
  const Value deviation = members - mean(members, over_group);
  const Value stddev = sqrt(mean(square(deviation), over_group) + a.eps);
  const Value averaged = reshape(mean(stddev, {.axes = {3, 4, 5}}), {1, subgroups, a.features, 1, 1});
  return {concat({x, reshape(broadcast_to(averaged, {group, subgroups, a.features, h, w}), {n, a.features, h, w})}, 1)};
}

}  // namespace

std::string MinibatchStddevAttrs::str() const {
  return g2face::str("group ", group, ", features ", features, ", eps ", exact(eps));
}

Value minibatch_stddev(Value x, const MinibatchStddevAttrs& attrs) {
  Graph& graph = *x.graph;
  if (!graph.ranks()) return graph.add(minibatch_stddev_op, {x}, attrs);
  // Groups reach over ranks: each looks at the whole batch, and takes the deviations of its own images.
  check<ShapeError>(x.shape().rank() == 4, "minibatch_stddev: x ", x.shape(), " must have rank 4 (R1)");
  const std::int64_t ranks = graph.ranks()->ranks(), n = x.shape()[0], c = x.shape()[1];
  const Value batch = reshape(all_gather(x), x.shape().with(0, ranks * n));
  const Value deviations = slice_axis(graph.add(minibatch_stddev_op, {batch}, attrs), 1, c, attrs.features);
  const std::int64_t h = x.shape()[2], w = x.shape()[3];
  return concat({x, own_part(reshape(deviations, {ranks, n, attrs.features, h, w}))}, 1);
}

const OpDef minibatch_stddev_op = define_fused_op<MinibatchStddevAttrs, infer, formula>("minibatch_stddev");

}  // namespace g2face
