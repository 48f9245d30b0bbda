#include "g2face/ops/ema.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("ema") {
  OpCheck c(ema_op, EmaAttrs{.decay = 0.75});
  c.ok({{5}, {5}});
  c.ok({{5}, {2, 33}, {}, {5}, {2, 33}, {}});
  c.gives({Tensor::from({2}, {4, 8}), Tensor::from({2}, {8, 0})}, Tensor::from({2}, {5, 6}));
  c.fails("R1", {{5}, {5}, {5}}, "3 tensors");
  c.fails("R2", {{5}, {5}}, EmaAttrs{.decay = 1.5}, "decay 1.5 must lie in 0 .. 1");
  c.fails("R3", {{5}, {2, 3}, {5}, {3, 2}}, "average 1 is f32[2,3] and its value f32[3,2]");
}
