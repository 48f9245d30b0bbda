#include "g2face/ops/reorder.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const NoAttrs&, std::span<const Type> in) {
  check<ShapeError>(in[0].shape.rank() == 4, "x ", in[0].shape, " must have rank 4 (R1)");
  return {in[0]};
}

void grad(GradRule& r, const NoAttrs&) { r.dx(0, r.dy()); }

void reference(const NoAttrs&, const ReferenceArgs& args) {
  std::copy(args.in(0).begin(), args.in(0).end(), args.out().begin());
}

}  // namespace

Value reorder(Value x) { return x.graph->add(reorder_op, {x}, NoAttrs{}); }

const OpDef reorder_op = define_op<NoAttrs, infer, grad, reference>("reorder")
                             .with_cpu<NoAttrs, reorder_cpu>()
                             .with_cuda<NoAttrs, reorder_cuda>();

}  // namespace g2face
