#include "g2face/ops/bias_act.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"
#include "ops/channels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const BiasActAttrs&, std::span<const Type> in) {
  const Shape &x = in[0].shape, &b = in[1].shape;
  check<ShapeError>(x.rank() >= 2, "x ", x, " must have rank 2 or more (R1)");
  check<ShapeError>(b == Shape{x[1]}, "b ", b, " must be [", x[1], "], one for each channel of x ", x, " (R2)");
  check<ShapeError>(is_float(in[0].dtype) && in[0].dtype == in[1].dtype, "x ", in[0].str(), " and b ", in[1].str(),
                    " must have the same floating dtype (R3)");
  return {in[0]};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const BiasActAttrs& a) {
  return {affine(leaky_relu(in[0] + per_channel(in[1], in[0].shape()), a.slope), a.gain)};
}

}  // namespace

std::string BiasActAttrs::str() const { return g2face::str("slope ", exact(slope), ", gain ", exact(gain)); }

Value bias_act(Value x, Value b, const BiasActAttrs& attrs) { return x.graph->add(bias_act_op, {x, b}, attrs); }

const OpDef bias_act_op = define_fused_op<BiasActAttrs, infer, formula>("bias_act");

}  // namespace g2face
