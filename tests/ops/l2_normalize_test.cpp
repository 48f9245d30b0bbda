#include "g2face/ops/l2_normalize.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("l2_normalize") {
  OpCheck c(l2_normalize_op, L2NormalizeAttrs{});
  c.ok({{3, 8}});
  c.ok({{2, 3, 5}});
  c.ok({{7}}, L2NormalizeAttrs{.eps = 0.5});
  c.gives({Tensor::from({2, 2}, {3, 4, 0, 0})}, Tensor::from({2, 2}, {0.6F, 0.8F, 0, 0}));
  c.fails("R1", {{}}, "x f32[] must have rank 1 or more");
  c.fails("R2", {{3, 8}}, L2NormalizeAttrs{.eps = -1}, "eps -1 must not be negative");
}
