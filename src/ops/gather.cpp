#include "g2face/ops/gather.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

void check_attrs(const GatherAttrs& attrs, const char* name, const Shape& x) {
  check<ShapeError>(attrs.axis >= 0 && attrs.axis < x.rank(), "axis ", attrs.axis, " is none of ", name, " ", x,
                    " (R1)");
  for (const std::int64_t i : attrs.index)
    check<ShapeError>(i >= 0 && i < attrs.extent, "index ", i, " lies outside the ", attrs.extent, " slices of axis ",
                      attrs.axis, " (R2)");
}

Types infer(const GatherAttrs& attrs, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  check_attrs(attrs, "x", x);
  check<ShapeError>(x[attrs.axis] == attrs.extent, "axis ", attrs.axis, " of x ", x, " does not have the extent ",
                    attrs.extent, " that indices are for (R2)");
  return {{in[0].dtype, x.with(attrs.axis, static_cast<std::int64_t>(attrs.index.size()))}};
}

Types infer_grad(const GatherAttrs& attrs, std::span<const Type> in) {
  const Shape& dy = in[0].shape;
  check_attrs(attrs, "dy", dy);
  check<ShapeError>(dy[attrs.axis] == static_cast<std::int64_t>(attrs.index.size()), "axis ", attrs.axis, " of dy ", dy,
                    " does not have one slice for each of ", attrs.index.size(), " indices (R3)");
  return {{in[0].dtype, dy.with(attrs.axis, attrs.extent)}};
}

void grad(GradRule& r, const GatherAttrs& attrs) { r.dx(0, gather_grad(r.dy(), attrs)); }
void grad_grad(GradRule& r, const GatherAttrs& attrs) { r.dx(0, gather(r.dy(), attrs.axis, attrs.index)); }

void reference(const GatherAttrs& attrs, const ReferenceArgs& args) {
  const auto axis = static_cast<std::size_t>(attrs.axis);
  std::size_t i = 0;
  for_each_index(args.out_shape(), [&](Index at) {
    at[axis] = attrs.index[static_cast<std::size_t>(at[axis])];
    args.out()[i++] = args.in(0)[flat(args.in_shape(0), at)];
  });
}

void reference_grad(const GatherAttrs& attrs, const ReferenceArgs& args) {
  const auto axis = static_cast<std::size_t>(attrs.axis);
  std::fill(args.out().begin(), args.out().end(), 0.0);
  std::size_t i = 0;
  for_each_index(args.in_shape(0), [&](Index at) {
    at[axis] = attrs.index[static_cast<std::size_t>(at[axis])];
    args.out()[flat(args.out_shape(), at)] += args.in(0)[i++];
  });
}

}  // namespace

std::string GatherAttrs::str() const { return g2face::str("axis ", axis, " ", list_text(index), " of ", extent); }

Value gather(Value x, int axis, std::vector<std::int64_t> index) {
  const bool exists = axis >= 0 && axis < x.shape().rank();
  return x.graph->add(gather_op, {x}, GatherAttrs{axis, std::move(index), exists ? x.shape()[axis] : 0});
}

Value gather_grad(Value dy, const GatherAttrs& attrs) { return dy.graph->add(gather_grad_op, {dy}, attrs); }

const OpDef gather_op = define_op<GatherAttrs, infer, grad, reference>("gather")
                            .with_cpu<GatherAttrs, gather_cpu>()
                            .with_cpu_layouts<GatherAttrs, gather_cpu_layouts>()
                            .with_cuda<GatherAttrs, gather_cuda>()
                            .with_cuda_layouts<GatherAttrs, gather_cuda_layouts>();
const OpDef gather_grad_op = define_op<GatherAttrs, infer_grad, grad_grad, reference_grad>("gather_grad")
                                 .with_cpu<GatherAttrs, gather_grad_cpu>()
                                 .with_cpu_layouts<GatherAttrs, gather_cpu_layouts>()
                                 .with_cuda<GatherAttrs, gather_grad_cuda>()
                                 .with_cuda_layouts<GatherAttrs, gather_grad_cuda_layouts>();

}  // namespace g2face
