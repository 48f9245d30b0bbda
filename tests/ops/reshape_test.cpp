#include "g2face/ops/reshape.hpp"

#include <doctest/doctest.h>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"
#include "op_check.hpp"

using namespace g2face;

TEST_CASE("reshape: forward and gradients") {
  const OpCheck c(reshape_op);
  c.ok({{6}}, ReshapeAttrs{{2, 3}});
  c.ok({{}}, ReshapeAttrs{{1, 1}});
  c.ok({{2, 16, 3, 5}}, ReshapeAttrs{{2, 240}});
  c.ok({{2, 240}}, ReshapeAttrs{{2, 16, 3, 5}});
  c.ok({{257}}, ReshapeAttrs{{1, 257, 1}});
  // Between ops that write: both names are for the same memory.
  c.ok({{4, 33}}, [](const std::vector<Value>& v) { return sin(reshape(exp(v[0]), {33, 4})); });
  c.ok({{2, 16, 3, 5}}, [](const std::vector<Value>& v) {
    return exp(v[0]) + reshape(reshape(v[0], {480}), {2, 16, 3, 5});
  });
}

TEST_CASE("reshape: values keep their row-major order") {
  const OpCheck c(reshape_op, ReshapeAttrs{{3, 2}});
  c.gives({Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6})}, Tensor::from({3, 2}, {1, 2, 3, 4, 5, 6}));
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x");
  CHECK(reshape(x, {2, 3}) == x);
}

TEST_CASE("reshape: rules") {
  const OpCheck c(reshape_op);
  c.fails("R1", {{2, 3}}, ReshapeAttrs{{7}}, "x [2,3] has 6 elements, but [7] has 7");
}
