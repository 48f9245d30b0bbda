#include "g2face/ops/minibatch_stddev.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "golden_case.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("minibatch_stddev: recorded cases") {
  for (const char* name : {"minibatch_stddev_b4", "minibatch_stddev_b8"}) {
    check_golden("h_discriminator", name, [](const Named& in) { return minibatch_stddev(in.at("input.x")); });
  }
  // Its gradient of the gradient is ill-conditioned: the second derivative of sqrt(d^2 + 1e-8) near d = 0.
  check_golden("h_discriminator", "minibatch_stddev_b2",
               [](const Named& in) { return minibatch_stddev(in.at("input.x")); });
}

TEST_CASE("minibatch_stddev: one sample has the deviation sqrt(eps)") {
  Bench b;
  const Tensor y = b.run(minibatch_stddev(b.random({1, 4, 2, 2}), {.features = 2}));
  CHECK(y.shape() == Shape{1, 6, 2, 2});
  for (std::size_t i = 16; i < 24; ++i) CHECK(y.as<double>()[i] == doctest::Approx(1e-4).epsilon(1e-13));
}

TEST_CASE("minibatch_stddev: sample n belongs to subgroup n mod (N / g)") {
  Bench b;
  Tensor x = Tensor::zeros({DType::f64, {4, 1, 1, 1}});
  const double values[] = {1, 5, 3, 5};  // groups of 2: samples 0 and 2, samples 1 and 3
  std::copy(values, values + 4, x.mutable_as<double>().begin());
  const Tensor y = b.run(minibatch_stddev(b.feed(x), {.group = 2, .eps = 0}));
  const double want[] = {1, 1, 5, 0, 3, 1, 5, 0};
  for (std::size_t i = 0; i < 8; ++i) CHECK(y.as<double>()[i] == want[i]);
}

TEST_CASE("minibatch_stddev: forward and gradients") {
  const OpCheck c(minibatch_stddev_op, MinibatchStddevAttrs{.eps = 0.01});
  c.ok({{4, 3, 2, 3}});
  c.ok({{8, 4, 2, 2}}, MinibatchStddevAttrs{.group = 4, .features = 2, .eps = 0.01});
  c.ok({{3, 16, 2, 2}});
}

TEST_CASE("minibatch_stddev: rules") {
  const OpCheck c(minibatch_stddev_op, MinibatchStddevAttrs{});
  c.fails("R1", {{4, 3}}, "x f32[4,3] must have rank 4 and a floating dtype");
  c.fails("R2", {{6, 3, 2, 2}}, "the batch of x [6,3,2,2] is not divisible into groups of 4");
  c.fails("R2", {{6, 3, 2, 2}}, MinibatchStddevAttrs{.group = 0}, "groups of 0");
  c.fails("R3", {{4, 3, 2, 2}}, MinibatchStddevAttrs{.features = 2}, "not divisible by 2 features");
}
