#include "g2face/ops/log_sum_exp.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("log_sum_exp") {
  OpCheck c(log_sum_exp_op);
  c.ok({{3, 10}});
  c.ok({{2, 3, 37}});
  c.ok({{5}});
  c.ok({{{4, 1}, {-3, 3}}});
  c.ok({{{2, 300}, {-40, 40}}});
  c.fails("R1", {{}}, "x f32[] must");
  c.fails("R1", {{3, 0}}, "x f32[3,0] must");
}

TEST_CASE("log_sum_exp does not overflow, and keeps infinities") {
  const float infinity = std::numeric_limits<float>::infinity(), log2 = std::log(2.F);
  OpCheck c(log_sum_exp_op);
  c.gives({Tensor::from({3, 2}, {1e30F, 1e30F, -1000, -1000, 88, 89})},
          Tensor::from({3}, {1e30F, -1000 + log2, 89 + std::log1p(std::exp(-1.F))}));
  c.gives({Tensor::from({3, 2}, {infinity, 0, -infinity, -infinity, -infinity, 3})},
          Tensor::from({3}, {infinity, -infinity, 3}));
}
