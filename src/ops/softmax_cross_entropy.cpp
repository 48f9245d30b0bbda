#include "g2face/ops/softmax_cross_entropy.hpp"

#include <numeric>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/cast.hpp"
#include "g2face/ops/log_sum_exp.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/select.hpp"
#include "ops/labels.hpp"

namespace g2face {
namespace {

Types infer(const NoAttrs&, std::span<const Type> in) {
  check_labels(in[0], in[1]);
  return {{in[0].dtype, {in[0].shape[0]}}};
}

std::vector<Value> formula(Graph& g, std::span<const Value> in, const NoAttrs&) {
  const Value x = in[0], zero = g.constant(Tensor::scalar(0, x.dtype()));
  const Value right = one_hot(in[1], x.shape()[1], x.dtype());
  return {log_sum_exp(x) - sum(select(right, x, zero), {.axes = {1}})};
}

}  // namespace

Value one_hot(Value labels, std::int64_t classes, DType dtype) {
  check<ShapeError>(labels.dtype() == DType::i32 && labels.shape().rank() == 1, "one_hot: labels ", labels.type().str(),
                    " must be i32 of rank 1");
  check<ShapeError>(dtype == DType::f32 || dtype == DType::f64, "one_hot: ", name_of(dtype), " is neither f32 nor f64");
  check<ShapeError>(0 < classes && classes <= 1 << 24, "one_hot: ", classes, " classes are none or above 2^24");
  Tensor numbers({DType::f64, {1, classes}});
  std::iota(numbers.mutable_as<double>().begin(), numbers.mutable_as<double>().end(), 0.);
  return equal(reshape(cast(labels, dtype), {labels.shape()[0], 1}), labels.graph->constant(numbers.to(dtype)));
}

Value softmax_cross_entropy(Value x, Value labels) {
  return x.graph->add(softmax_cross_entropy_op, {x, labels}, NoAttrs{});
}

const OpDef softmax_cross_entropy_op = define_fused_op<NoAttrs, infer, formula>("softmax_cross_entropy");

}  // namespace g2face
