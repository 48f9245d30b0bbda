#include "g2face/ops/angular_margin.hpp"

#include <cmath>
#include <numbers>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/softmax_cross_entropy.hpp"
#include "g2face/ops/unary.hpp"
#include "ops/labels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

constexpr double least_squared_sine = 1e-6;

Types infer(const AngularMarginAttrs& a, std::span<const Type> in) {
  check_labels(in[0], in[1]);
  check<ShapeError>(0 <= a.margin && a.margin <= std::numbers::pi / 2 && a.scale > 0, "margin ", a.margin,
                    " must lie in 0 .. pi/2 and scale ", a.scale, " be positive (R3)");
  return {in[0]};
}

std::vector<Value> formula(Graph& g, std::span<const Value> in, const AngularMarginAttrs& a) {
  const Value x = in[0], zero = g.constant(Tensor::scalar(0, x.dtype()));
  const Value right = one_hot(in[1], x.shape()[1], x.dtype());
  const Value cosine = sum(select(right, x, zero), {.axes = {1}, .keep_dims = true});
  const Value sine = sqrt(clamp(affine(square(cosine), -1, 1), least_squared_sine, 1));
  const Value moved = affine(cosine, std::cos(a.margin)) - affine(sine, std::sin(a.margin));
  const Value beyond = affine(cosine, 1, -a.margin * std::sin(a.margin));
  const Value near = leaky_step(affine(cosine, 1, std::cos(a.margin)), 0);  // whether t + m < pi
  return {affine(select(right, select(near, moved, beyond), x), a.scale)};
}

}  // namespace

std::string AngularMarginAttrs::str() const { return "margin " + exact(margin) + " scale " + exact(scale); }

Value angular_margin(Value x, Value labels, const AngularMarginAttrs& attrs) {
  return x.graph->add(angular_margin_op, {x, labels}, attrs);
}

const OpDef angular_margin_op = define_fused_op<AngularMarginAttrs, infer, formula>("angular_margin");

}  // namespace g2face
