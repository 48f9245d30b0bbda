#include "g2face/ops/concat.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/slice.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"

namespace g2face {
namespace {

Types infer(const ConcatAttrs& attrs, std::span<const Type> in) {
  check<ShapeError>(!in.empty(), "there is nothing to join (R1)");
  const Type& first = in[0];
  check<ShapeError>(attrs.axis >= 0 && attrs.axis < first.shape.rank(), "axis ", attrs.axis, " is none of x0 ",
                    first.shape, " (R2)");
  std::int64_t extent = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Type& x = in[i];
    const bool agrees = x.dtype == first.dtype && x.shape.rank() == first.shape.rank() &&
                        x.shape.with(attrs.axis, 0) == first.shape.with(attrs.axis, 0);
    check<ShapeError>(agrees, "x", i, " ", x.str(), " does not match x0 ", first.str(), " outside axis ", attrs.axis,
                      " (R3)");
    extent += x.shape[attrs.axis];
  }
  return {{first.dtype, first.shape.with(attrs.axis, extent)}};
}

void grad(GradRule& r, const ConcatAttrs& attrs) {
  const int count = static_cast<int>(r.graph().node(r.out()).in.size());
  std::int64_t begin = 0;
  for (int i = 0; i < count; ++i) {
    const std::int64_t extent = r.in(i).shape()[attrs.axis];
    if (r.needs(i)) r.dx(i, slice_axis(r.dy(), attrs.axis, begin, extent));
    begin += extent;
  }
}

void reference(const ConcatAttrs& attrs, const ReferenceArgs& args) {
  const auto axis = static_cast<std::size_t>(attrs.axis);
  std::int64_t begin = 0;
  for (int k = 0; k < static_cast<int>(args.in_types.size()); ++k) {
    std::size_t i = 0;
    for_each_index(args.in_shape(k), [&](Index at) {
      at[axis] += begin;
      args.out()[flat(args.out_shape(), at)] = args.in(k)[i++];
    });
    begin += args.in_shape(k)[attrs.axis];
  }
}

}  // namespace

std::string ConcatAttrs::str() const { return g2face::str("axis ", axis); }

Value concat(std::span<const Value> values, int axis) {
  check<ShapeError>(!values.empty(), "concat: there is nothing to join (R1)");
  return values[0].graph->add(concat_op, values, ConcatAttrs{axis});
}

const OpDef concat_op = define_op<ConcatAttrs, infer, grad, reference>("concat")
                            .with_cpu<ConcatAttrs, concat_cpu>()
                            .with_cpu_layouts<ConcatAttrs, concat_cpu_layouts>()
                            .with_cuda<ConcatAttrs, concat_cuda>()
                            .with_cuda_layouts<ConcatAttrs, concat_cuda_layouts>();

}  // namespace g2face
