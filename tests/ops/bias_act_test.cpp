#include "g2face/ops/bias_act.hpp"

#include <doctest/doctest.h>

#include "golden_case.hpp"
#include "op_check.hpp"

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

TEST_CASE("bias_act: forward and gradients") {
  const OpCheck c(bias_act_op, BiasActAttrs{});
  c.ok({{5, 7}, {7}});
  c.ok({{2, 16, 3, 5}, {16}});
  c.ok({{2, 33, 5, 7}, {33}});
  c.ok({{2, 3, 4}, {3}}, BiasActAttrs{.slope = 0, .gain = 1});
  c.ok({{2, 16, 4, 4}, {16}}, BiasActAttrs{.slope = 1, .gain = 0.5});
}

TEST_CASE("bias_act: rules") {
  const OpCheck c(bias_act_op, BiasActAttrs{});
  c.fails("R1", {{4}, {4}}, "x [4] must have rank 2 or more");
  c.fails("R2", {{2, 4, 3}, {3}}, "b [3] must be [4], one for each channel of x [2,4,3]");
  c.fails("R2", {{2, 4}, {1, 4}}, "b [1,4] must be [4]");
  c.fails("R3", {{2, 4}, {{4}, {}, DType::f64}}, "x f32[2,4] and b f64[4] must have the same floating dtype");
}
