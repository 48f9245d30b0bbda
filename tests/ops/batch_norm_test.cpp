#include "g2face/ops/batch_norm.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "evaluate.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("batch_norm: by its definition") {
  Bench b;
  const Value x = b.random({2, 3, 4, 2}), m = b.random({3}), var = b.random({3}, 0.5, 2), weight = b.random({3}),
              bias = b.random({3});
  const Tensor got = b.run(batch_norm(x, m, var, weight, bias, {.eps = 0.25}));
  const auto of = [&](std::size_t input, std::size_t i) { return b.feeds[input].second.as<double>()[i]; };
  for (std::size_t i = 0; i < 48; ++i) {
    const std::size_t c = i / 8 % 3;
    const double want = (of(0, i) - of(1, c)) / std::sqrt(of(2, c) + 0.25) * of(3, c) + of(4, c);
    CHECK(got.as<double>()[i] == doctest::Approx(want).epsilon(1e-13));
  }
}

TEST_CASE("batch_norm: forward and gradients") {
  const OpCheck c(batch_norm_op, BatchNormAttrs{});
  const Range positive{0.5, 2};
  c.ok({{4, 5}, {5}, {{5}, positive}, {5}, {5}});
  c.ok({{2, 16, 3, 5}, {16}, {{16}, positive}, {16}, {16}});
  c.ok({{2, 3, 7}, {3}, {{3}, positive}, {3}, {3}}, BatchNormAttrs{.eps = 0.5});
}

TEST_CASE("batch_norm: rules") {
  const OpCheck c(batch_norm_op, BatchNormAttrs{});
  c.fails("R1", {{4}, {4}, {4}, {4}, {4}}, "x [4] must have rank 2 or more");
  c.fails("R2", {{2, 4}, {4}, {3}, {4}, {4}}, "var [3] must be [4], one for each channel of x [2,4]");
  c.fails("R2", {{2, 4}, {4}, {4}, {4}, {1, 4}}, "bias [1,4] must be [4]");
  c.fails("R3", {{2, 4}, {4}, {4}, {{4}, {}, DType::f64}, {4}}, "weight f64[4] must have the same floating dtype");
}
