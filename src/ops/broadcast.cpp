#include "g2face/ops/broadcast.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/reduce.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"

namespace g2face {
namespace {

Types infer(const BroadcastAttrs& attrs, std::span<const Type> in) {
  check<ShapeError>(broadcasts_to(in[0].shape, attrs.shape), "x ", in[0].shape, " does not broadcast to ", attrs.shape,
                    " (R1)");
  return {{in[0].dtype, attrs.shape}};
}

void grad(GradRule& r, const BroadcastAttrs&) { r.dx(0, sum_to(r.dy(), r.in(0).shape())); }

void reference(const BroadcastAttrs& attrs, const ReferenceArgs& args) {
  std::size_t i = 0;
  for_each_index(attrs.shape, [&](const Index& at) {
    args.out()[i++] = args.in(0)[broadcast_flat(args.in_shape(0), at, attrs.shape.rank())];
  });
}

}  // namespace

Value broadcast_to(Value x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return x.graph->add(broadcast_op, {x}, BroadcastAttrs{shape});
}

const OpDef broadcast_op = define_op<BroadcastAttrs, infer, grad, reference>("broadcast")
                               .with_cpu<BroadcastAttrs, broadcast_cpu>()
                               .with_cpu_layouts<BroadcastAttrs, broadcast_cpu_layouts>()
                               .with_cuda<BroadcastAttrs, broadcast_cuda>()
                               .with_cuda_layouts<BroadcastAttrs, broadcast_cuda_layouts>();

}  // namespace g2face
