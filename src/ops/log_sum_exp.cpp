#include "g2face/ops/log_sum_exp.hpp"

#include <algorithm>
#include <cmath>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const NoAttrs&, std::span<const Type> in) {
  const Type& x = in[0];
  check<ShapeError>(is_float(x.dtype) && x.shape.rank() >= 1 && x.shape[-1] > 0, "x ", x.str(),
                    " must have a floating dtype and end in an axis that is not empty (R1)");
  return {{x.dtype, Shape(x.shape.dims().first(static_cast<std::size_t>(x.shape.rank() - 1)))}};
}

void grad(GradRule& r, const NoAttrs&) {
  const Value x = r.in(0);
  const Shape column = x.shape().with(x.shape().rank() - 1, 1);
  r.dx(0, reshape(r.dy(), column) * exp(x - reshape(r.out(), column)));
}

void reference(const NoAttrs&, const ReferenceArgs& args) {
  const auto classes = static_cast<std::size_t>(args.in_shape(0)[-1]);
  for (std::size_t row = 0; row < args.out().size(); ++row) {
    const std::span<const double> x = args.in(0).subspan(row * classes, classes);
    const double largest = *std::max_element(x.begin(), x.end());
    double sum = 0;
    for (const double v : x) sum += std::exp(v - largest);
    args.out()[row] = std::isinf(largest) ? largest : largest + std::log(sum);
  }
}

}  // namespace

Value log_sum_exp(Value x) { return x.graph->add(log_sum_exp_op, {x}, NoAttrs{}); }

const OpDef log_sum_exp_op = define_op<NoAttrs, infer, grad, reference>("log_sum_exp")
                                 .with_cpu<NoAttrs, log_sum_exp_cpu>()
                                 .with_cuda<NoAttrs, log_sum_exp_cuda>();

}  // namespace g2face
