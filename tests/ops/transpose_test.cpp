#include "g2face/ops/transpose.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("transpose: every order of up to four axes") {
  const OpCheck c(transpose_op);
  c.ok({{}}, TransposeAttrs{{}});
  c.ok({{257}}, TransposeAttrs{{0}});
  for (const Shape& x : {Shape{31, 33}, {1, 32}, {2, 3, 5}, {2, 3, 4, 5}, {2, 16, 3, 4}}) {
    std::vector<int> order;
    for (int i = 0; i < x.rank(); ++i) order.push_back(i);
    do c.ok({x}, TransposeAttrs{order});
    while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_CASE("transpose: values of any dtype") {
  const OpCheck c(transpose_op, TransposeAttrs{{1, 0}});
  c.gives({Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6})}, Tensor::from({3, 2}, {1, 4, 2, 5, 3, 6}));
  c.gives({Tensor::from({2, 2}, {1, 2, 3, 4}).to(DType::u8)}, Tensor::from({2, 2}, {1, 3, 2, 4}).to(DType::u8));
  // Axis i of the result is axis order[i] of x.
  Graph g;
  CHECK(transpose(g.input({DType::f32, {2, 3, 4}}, "x"), {2, 0, 1}).shape() == Shape{4, 2, 3});
}

TEST_CASE("transpose: rules") {
  const OpCheck c(transpose_op);
  for (const std::vector<int>& order : std::vector<std::vector<int>>{{0}, {0, 0}, {0, 2}, {-1, 0}, {0, 1, 2}})
    c.fails("R1", {{2, 3}}, TransposeAttrs{order}, "is not a permutation of the 2 axes of x [2,3]");
}
