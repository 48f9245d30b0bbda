#include "g2face/ops/pad.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("pad: forward and gradients") {
  const OpCheck c(pad_op);
  c.ok({{}}, PadAttrs{{}, {}});
  c.ok({{1}}, PadAttrs{{0}, {31}});
  c.ok({{32}}, PadAttrs{{1}, {0}});
  c.ok({{3, 33}}, PadAttrs{{2, 0}, {0, 3}});
  c.ok({{2, 16, 3, 5}}, PadAttrs{{0, 16, 0, 0}, {0, 0, 0, 0}});
  c.ok({{2, 16, 3, 5}}, PadAttrs{{0, 0, 1, 2}, {0, 0, 2, 1}});
  c.ok({{1, 3, 4, 4}}, PadAttrs{{1, 1, 1, 1}, {1, 1, 1, 1}});
  c.ok({{2, 3}}, PadAttrs{{0, 0}, {0, 0}});
}

TEST_CASE("pad: values of any dtype") {
  const OpCheck c(pad_op, PadAttrs{{1, 0}, {0, 2}});
  const Tensor x = Tensor::from({1, 2}, {1, 2});
  const Tensor want = Tensor::from({2, 4}, {0, 0, 0, 0, 1, 2, 0, 0});
  c.gives({x}, want);
  c.gives({x.to(DType::i64)}, want.to(DType::i64));
}

TEST_CASE("pad: rules") {
  const OpCheck c(pad_op);
  c.fails("R1", {{2, 3}}, PadAttrs{{1}, {0, 0}},
          "before [1] and after [0,0] need one entry >= 0 for each axis of x [2,3]");
  c.fails("R1", {{2, 3}}, PadAttrs{{0, 0}, {0, 0, 0}}, "need one entry >= 0 for each axis of x [2,3]");
  c.fails("R1", {{2, 3}}, PadAttrs{{0, -1}, {0, 2}}, "before [0,-1] and after [0,2] need one entry >= 0");
}
