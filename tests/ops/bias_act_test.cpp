#include "g2face/ops/bias_act.hpp"

#include <doctest/doctest.h>

#include "golden_case.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("bias_act: recorded cases") {
  for (const char* name : {"fused_lrelu_2d", "fused_lrelu_4d", "fused_lrelu_4d_c16", "fused_lrelu_exact_zeros"}) {
    check_golden("b_fused_leaky_relu", name,
                 [](const Named& in) { return bias_act(in.at("input.x"), in.at("param.bias")); });
  }
}

TEST_CASE("bias_act: at exactly 0 the derivative is gain * slope") {
  Bench b;
  const Value x = b.feed(Tensor::zeros({DType::f64, {1, 2}})), bias = b.feed(Tensor::zeros({DType::f64, {2}}));
  const Value y = bias_act(x, bias, {.slope = 0.25, .gain = 8});
  const Tensor dx = b.run(gradients(sum(y), {x})[0]);
  CHECK(dx.as<double>()[0] == 2);
}
