#include "g2face/ops/l2_normalize.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/unary.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const L2NormalizeAttrs& a, std::span<const Type> in) {
  check<ShapeError>(in[0].shape.rank() >= 1 && is_float(in[0].dtype), "x ", in[0].str(),
                    " must have rank 1 or more and a floating dtype (R1)");
  check<ShapeError>(a.eps >= 0, "eps ", a.eps, " must not be negative (R2)");
  return {in[0]};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const L2NormalizeAttrs& a) {
  const int last = in[0].shape().rank() - 1;
  return {in[0] * rsqrt(sum(square(in[0]), {.axes = {last}, .keep_dims = true}) + a.eps)};
}

}  // namespace

std::string L2NormalizeAttrs::str() const { return "eps " + exact(eps); }

Value l2_normalize(Value x, const L2NormalizeAttrs& attrs) { return x.graph->add(l2_normalize_op, {x}, attrs); }

const OpDef l2_normalize_op = define_fused_op<L2NormalizeAttrs, infer, formula>("l2_normalize");

}  // namespace g2face
