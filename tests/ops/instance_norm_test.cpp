#include "g2face/ops/instance_norm.hpp"

#include <doctest/doctest.h>

#include "evaluate.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("instance_norm: each channel of each sample has mean 0 and variance 1") {
  Bench b;
  const Value y = instance_norm(b.random({2, 3, 5, 7}, 3, 9), {.eps = 0});
  const ReduceAttrs pixels{.axes = {2, 3}};
  const Tensor means = b.run(mean(y, pixels)), variances = b.run(mean(square(y), pixels));
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(means.as<double>()[i] == doctest::Approx(0).epsilon(1e-13));
    CHECK(variances.as<double>()[i] == doctest::Approx(1).epsilon(1e-13));
  }
}

TEST_CASE("instance_norm: a constant channel becomes zero, and a bias before it has no effect") {
  Bench b;
  CHECK(b.number(sum(abs(instance_norm(b.feed(Tensor::full({DType::f64, {1, 1, 3, 3}}, 5)))))) == 0);
  const Value x = b.random({1, 2, 4, 4});
  CHECK(relative_error(b.run(instance_norm(x + 11.0)), b.run(instance_norm(x))) < 1e-13);
}

TEST_CASE("instance_norm: forward and gradients") {
  const OpCheck c(instance_norm_op, InstanceNormAttrs{});
  c.ok({{2, 3, 5, 7}});
  c.ok({{1, 16, 4, 4}});
  c.ok({{2, 17, 2, 3}}, InstanceNormAttrs{.eps = 0.1});
}

TEST_CASE("instance_norm: rules") {
  const OpCheck c(instance_norm_op, InstanceNormAttrs{});
  c.fails("R1", {{3, 4}}, "x f32[3,4] must have rank 4 and a floating dtype");
  c.fails("R1", {{{1, 3, 4, 4}, {}, DType::i32}}, "x i32[1,3,4,4]");
}
