#include "g2face/ops/reshape.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"

namespace g2face {
namespace {

Types infer(const ReshapeAttrs& attrs, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  check<ShapeError>(x.numel() == attrs.shape.numel(), "x ", x, " has ", x.numel(), " elements, but ", attrs.shape,
                    " has ", attrs.shape.numel(), " (R1)");
  return {{in[0].dtype, attrs.shape}};
}

void grad(GradRule& r, const ReshapeAttrs&) { r.dx(0, reshape(r.dy(), r.in(0).shape())); }

void reference(const ReshapeAttrs&, const ReferenceArgs& args) {
  std::copy(args.in(0).begin(), args.in(0).end(), args.out().begin());
}

}  // namespace

Value reshape(Value x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return x.graph->add(reshape_op, {x}, ReshapeAttrs{shape});
}

const OpDef reshape_op =
    define_op<ReshapeAttrs, infer, grad, reference>("reshape").with_cpu<ReshapeAttrs, reshape_cpu>();

}  // namespace g2face
