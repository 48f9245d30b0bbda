#include "g2face/ops/moments.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "evaluate.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("moments: mean and reciprocal deviation of known numbers") {
  Bench b;
  const Value x = b.feed(Tensor::from({2, 4}, {1, 2, 3, 4, -2, -2, 6, 6}));
  const Moments m = moments(x, {.axes = {1}, .eps = 0});
  CHECK(m.mean.shape() == Shape{2, 1});
  const Tensor mean = b.run(m.mean), rstd = b.run(m.rstd);
  CHECK(mean.as<double>()[0] == 2.5);
  CHECK(mean.as<double>()[1] == 2);
  CHECK(rstd.as<double>()[0] == doctest::Approx(1 / std::sqrt(1.25)).epsilon(1e-14));
  CHECK(rstd.as<double>()[1] == doctest::Approx(0.25).epsilon(1e-14));
}

TEST_CASE("moments: a large mean does not cancel the variance") {
  Bench b;
  const Value x = b.feed(Tensor::from({1, 4}, {4096, 4097, 4098, 4099}));
  CHECK(b.number(moments(x, {.axes = {0, 1}, .eps = 0}).rstd) == doctest::Approx(1 / std::sqrt(1.25)).epsilon(1e-14));
}

TEST_CASE("moments: forward and gradients") {
  const OpCheck c(moments_op);
  c.ok({{2, 3, 4, 5}}, MomentsAttrs{.axes = {2, 3}});
  c.ok({{3, 16, 4, 4}}, MomentsAttrs{.axes = {0, 2, 3}});
  c.ok({{7, 5}}, MomentsAttrs{.axes = {0}, .eps = 0.5});
  c.ok({{2, 17, 3}}, MomentsAttrs{.axes = {1}, .eps = 0});
  c.ok({{6}}, MomentsAttrs{.axes = {0}});
}

TEST_CASE("moments: rules") {
  const OpCheck c(moments_op, MomentsAttrs{.axes = {0}});
  c.fails("R1", {{{2, 3}, {}, DType::i32}}, "x i32[2,3] must have a floating dtype");
  c.fails("R2", {{2, 3}}, MomentsAttrs{.axes = {1, 0}}, "axes [1,0] of x [2,3] must ascend and exist");
  c.fails("R2", {{2, 3}}, MomentsAttrs{.axes = {2}}, "axes [2]");
  c.fails("R2", {{2, 3}}, MomentsAttrs{.axes = {-1}}, "axes [-1]");
  c.fails("R3", {{2, 3}}, MomentsAttrs{.axes = {1}, .eps = -1}, "eps -1 must not be negative");
}
