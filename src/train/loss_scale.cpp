#include "g2face/train/loss_scale.hpp"

#include <cmath>
#include <limits>

#include "g2face/error.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/cast.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face {
namespace {

Value number(Value like, double value) { return like.graph->constant(Tensor::full({DType::f32, {1}}, value)); }

}  // namespace

bool LossScaleOptions::begins_well() const {
  int exponent = 0;
  return initial >= 1 && initial <= largest_loss_scale && std::frexp(initial, &exponent) == 0.5;
}

LossScale::LossScale(const Scope& optimizer, const LossScaleOptions& options)
    : options_(options),
      scale_(optimizer.param(loss_scale_name, {1}, init::as_buffer(init::constant(options.initial)))),
      good_updates_(optimizer.param(good_updates_name, {1}, init::as_buffer(init::zeros()))) {}

Value LossScale::scaled(Value loss) const { return loss * reshape(scale_, loss.shape()); }

void LossScale::look_at(std::span<const Value> gradients) {
  check<GraphError>(!gradients.empty() && !good_, "loss scale: there are no gradients, or some were looked at before");
  Value total;
  for (const Value& g : gradients) total = total ? total + sum(g) : sum(g);
  // False for infinity and for NaN.
  good_ = greater(number(scale_, std::numeric_limits<float>::max()), abs(reshape(total, {1})));
}

Value LossScale::with_factor(Value rate) const {
  return concat({rate, select(good_, number(scale_, 1) / scale_, number(scale_, 0))}, 0);
}

Value LossScale::skipped() const { return -good_ + 1; }

Update LossScale::guarded(const Update& update, Value old) const {
  const Value good = old.shape().rank() == 0 ? reshape(good_, {}) : good_;
  if (old.dtype() == DType::f32) return {update.name, select(good, update.value, old)};
  // Counts of batches.
  const auto number = [](Value v) { return cast(v, DType::f64); };
  return {update.name, cast(select(number(good), number(update.value), number(old)), old.dtype())};
}

std::vector<Update> LossScale::updates() const {
  const Graph& g = *scale_.graph;
  const Value counted = good_updates_ + 1, zero = number(scale_, 0);
  const Value is_due = greater(counted, number(scale_, static_cast<double>(options_.interval) - 0.5));
  const Value can_grow = greater(number(scale_, largest_loss_scale), scale_);
  const Value grown = select(is_due * can_grow, 2 * scale_, scale_);
  return {{g.node(scale_).name, select(good_, grown, 0.5 * scale_)},
          {g.node(good_updates_).name, select(good_, select(is_due, zero, counted), zero)}};
}

}  // namespace g2face
