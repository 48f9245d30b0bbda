#include "g2face/ops/batch_norm.hpp"

#include <array>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"
#include "ops/channels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const BatchNormAttrs&, std::span<const Type> in) {
  constexpr std::array<std::string_view, 5> names = {"x", "mean", "var", "weight", "bias"};
  const Shape& x = in[0].shape;
  check<ShapeError>(x.rank() >= 2, "x ", x, " must have rank 2 or more (R1)");
  for (std::size_t i = 1; i < names.size(); ++i) {
    check<ShapeError>(in[i].shape == Shape{x[1]}, names[i], " ", in[i].shape, " must be [", x[1],
                      "], one for each channel of x ", x, " (R2)");
    check<ShapeError>(is_float(in[0].dtype) && in[i].dtype == in[0].dtype, "x ", in[0].str(), " and ", names[i], " ",
                      in[i].str(), " must have the same floating dtype (R3)");
  }
  return {in[0]};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const BatchNormAttrs& a) {
  const Value x = in[0], m = in[1], var = in[2], weight = in[3], bias = in[4];
  const Value scale = weight * rsqrt(var + a.eps);
  return {x * per_channel(scale, x.shape()) + per_channel(bias - m * scale, x.shape())};
}

}  // namespace

std::string BatchNormAttrs::str() const { return g2face::str("eps ", exact(eps)); }

Value batch_norm(Value x, Value mean, Value var, Value weight, Value bias, const BatchNormAttrs& attrs) {
  return x.graph->add(batch_norm_op, {x, mean, var, weight, bias}, attrs);
}

const OpDef batch_norm_op = define_fused_op<BatchNormAttrs, infer, formula>("batch_norm");

}  // namespace g2face
