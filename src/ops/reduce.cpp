#include "g2face/ops/reduce.hpp"

#include <algorithm>
#include <numeric>

#include "g2face/graph/op.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Shape kept(const Shape& x, const std::vector<int>& axes) {
  Shape y = x;
  for (const int axis : axes) y = y.with(axis, 1);
  return y;
}

Types infer(const ReduceAttrs& attrs, std::span<const Type> in) {
  const Type& x = in[0];
  check<ShapeError>(is_float(x.dtype), "x ", x.str(), " must have a floating dtype (R1)");
  int last = -1;
  for (const int axis : attrs.axes) {
    check<ShapeError>(axis > last && axis < x.shape.rank(), "axes ", list_text(attrs.axes),
                      " must ascend and lie inside x ", x.shape, " (R2)");
    last = axis;
  }
  if (attrs.keep_dims) return {{x.dtype, kept(x.shape, attrs.axes)}};
  std::vector<std::int64_t> dims;
  for (int i = 0; i < x.shape.rank(); ++i)
    if (std::find(attrs.axes.begin(), attrs.axes.end(), i) == attrs.axes.end()) dims.push_back(x.shape[i]);
  return {{x.dtype, Shape(dims)}};
}

void grad(GradRule& r, const ReduceAttrs& attrs) {
  const Shape& x = r.in(0).shape();
  r.dx(0, broadcast_to(reshape(r.dy(), kept(x, attrs.axes)), x));
}

void reference(const ReduceAttrs& attrs, const ReferenceArgs& args) {
  const Shape y = kept(args.in_shape(0), attrs.axes);
  std::fill(args.out().begin(), args.out().end(), 0.0);
  std::size_t i = 0;
  for_each_index(args.in_shape(0),
                 [&](const Index& at) { args.out()[broadcast_flat(y, at, y.rank())] += args.in(0)[i++]; });
}

std::vector<int> all_axes(Value x) {
  std::vector<int> axes(static_cast<std::size_t>(x.shape().rank()));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

}  // namespace

std::string ReduceAttrs::str() const { return "sum " + list_text(axes) + (keep_dims ? " keep_dims" : ""); }

Value sum(Value x, const ReduceAttrs& attrs) { return x.graph->add(reduce_op, {x}, attrs); }
Value sum(Value x) { return sum(x, {.axes = all_axes(x)}); }

Value mean(Value x, const ReduceAttrs& attrs) {
  const Value total = sum(x, attrs);
  std::int64_t count = 1;
  for (const int axis : attrs.axes) count *= x.shape()[axis];
  return total / static_cast<double>(count);
}
Value mean(Value x) { return mean(x, {.axes = all_axes(x)}); }

Value sum_to(Value x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check<ShapeError>(broadcasts_to(shape, x.shape()), "sum_to: ", shape, " does not broadcast to x ", x.shape());
  const int leading = x.shape().rank() - shape.rank();
  ReduceAttrs attrs{.axes = {}, .keep_dims = true};
  for (int i = 0; i < x.shape().rank(); ++i)
    if (x.shape()[i] != 1 && (i < leading || shape[i - leading] == 1)) attrs.axes.push_back(i);
  return reshape(attrs.axes.empty() ? x : sum(x, attrs), shape);
}

const OpDef reduce_op = define_op<ReduceAttrs, infer, grad, reference>("reduce")
                            .with_cpu<ReduceAttrs, reduce_cpu>()
                            .with_cpu_layouts<ReduceAttrs, reduce_cpu_layouts>()
                            .with_cuda<ReduceAttrs, reduce_cuda>()
                            .with_cuda_layouts<ReduceAttrs, reduce_cuda_layouts>();

}  // namespace g2face
