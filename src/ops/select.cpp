#include "g2face/ops/select.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/reduce.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"

namespace g2face {
namespace {

Types infer(const NoAttrs&, std::span<const Type> in) {
  const Type &c = in[0], &a = in[1], &b = in[2];
  check<ShapeError>(c.dtype == a.dtype && a.dtype == b.dtype && is_float(c.dtype), "c ", c.str(), ", a ", a.str(),
                    " and b ", b.str(), " must have the same floating dtype (R1)");
  try {
    return {{c.dtype, broadcast_shapes(broadcast_shapes(c.shape, a.shape), b.shape)}};
  } catch (const ShapeError& e) {
    throw ShapeError(str("c ", c.str(), ", a ", a.str(), " and b ", b.str(), ": ", e.what(), " (R2)"));
  }
}

void grad(GradRule& r, const NoAttrs&) {
  const Value zero = r.graph().constant(Tensor::scalar(0, r.in(0).dtype()));
  if (r.needs(1)) r.dx(1, sum_to(select(r.in(0), r.dy(), zero), r.in(1).shape()));
  if (r.needs(2)) r.dx(2, sum_to(select(r.in(0), zero, r.dy()), r.in(2).shape()));
}

void reference(const NoAttrs&, const ReferenceArgs& args) {
  std::size_t i = 0;
  const int rank = args.out_shape().rank();
  for_each_index(args.out_shape(), [&](const Index& at) {
    const int chosen = args.in(0)[broadcast_flat(args.in_shape(0), at, rank)] != 0 ? 1 : 2;
    args.out()[i++] = args.in(chosen)[broadcast_flat(args.in_shape(chosen), at, rank)];
  });
}

}  // namespace

Value select(Value c, Value a, Value b) { return c.graph->add(select_op, {c, a, b}, NoAttrs{}); }

const OpDef select_op = define_op<NoAttrs, infer, grad, reference>("select").with_cuda<NoAttrs, select_cuda>();

}  // namespace g2face
