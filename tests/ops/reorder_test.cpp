#include "g2face/ops/reorder.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("reorder: in a graph it is the identity") {
  const OpCheck c(reorder_op);
  for (const Shape& x : {Shape{1, 1, 1, 1}, {2, 16, 3, 5}, {1, 32, 4, 4}, {2, 3, 7, 33}}) c.ok({x});
  const Tensor x = Tensor::from({1, 2, 1, 2}, {1, 2, 3, 4});
  c.gives({x}, x);
  c.gives({x.to(DType::i64)}, x.to(DType::i64));
}

TEST_CASE("reorder: rules") {
  const OpCheck c(reorder_op);
  c.fails("R1", {{2, 3, 4}}, "x [2,3,4] must have rank 4");
}
