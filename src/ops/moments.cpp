#include "g2face/ops/moments.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const MomentsAttrs& a, std::span<const Type> in) {
  check<ShapeError>(is_float(in[0].dtype), "x ", in[0].str(), " must have a floating dtype (R1)");
  Type reduced = in[0];
  int last = -1;
  for (const int axis : a.axes) {
    check<ShapeError>(axis > last && axis < in[0].shape.rank(), "axes ", list_text(a.axes), " of x ", in[0].shape,
                      " must ascend and exist (R2)");
    reduced.shape = reduced.shape.with(axis, 1);
    last = axis;
  }
  check<ShapeError>(a.eps >= 0, "eps ", a.eps, " must not be negative (R3)");
  return {reduced, reduced};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const MomentsAttrs& a) {
  const ReduceAttrs over{.axes = a.axes, .keep_dims = true};
  const Value m = mean(in[0], over);
  return {m, rsqrt(mean(square(in[0] - m), over) + a.eps)};
}

}  // namespace

std::string MomentsAttrs::str() const { return g2face::str("axes ", list_text(axes), ", eps ", exact(eps)); }

Moments moments(Value x, const MomentsAttrs& attrs) {
  const Value m = x.graph->add(moments_op, {x}, attrs);
  return {m, {m.graph, m.node, 1}};
}

const OpDef moments_op = define_fused_op<MomentsAttrs, infer, formula>("moments")
                             .with_cpu<MomentsAttrs, moments_cpu>()
                             .with_cpu_layouts<MomentsAttrs, moments_cpu_layouts>()
                             .with_cuda<MomentsAttrs, moments_cuda>()
                             .with_cuda_layouts<MomentsAttrs, moments_cuda_layouts>();

}  // namespace g2face
