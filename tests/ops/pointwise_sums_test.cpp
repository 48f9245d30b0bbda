#include "g2face/ops/pointwise_sums.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"
#include "pointwise_instructions.hpp"

using namespace g2face;
using g2face::test::apply;

namespace {

// tanh(x * a + b), stored, and sums of x * a and of what is stored.
PointwiseSumsAttrs settings(const Shape& shape, const ReduceAttrs& first, const ReduceAttrs& second) {
  PointwiseAttrs program{shape, {apply(Binary::mul, 0, 1), apply(Binary::add, 3, 2), apply(Unary::tanh, 4)}, {5}};
  return {program, {{3, first}, {5, second}}};
}

}  // namespace

TEST_CASE("pointwise_sums") {
  const OpCheck c(pointwise_sums_op, NoAttrs{}, {.gradient = false});
  for (const Shape& x : {Shape{2, 16, 5, 7}, Shape{3, 32, 40, 33}, Shape{1, 8, 64, 64}, Shape{2, 48, 1, 9}}) {
    const Shape of_image{x[0], x[1], 1, 1}, of_channel{x[1], 1, 1};
    c.ok({x, of_image, of_channel}, settings(x, {{2, 3}, true}, {{0, 2, 3}, true}));
    c.ok({x, of_channel, x}, settings(x, {{0, 2, 3}, false}, {{2, 3}, false}));
    c.ok({x, {}, {x[0], 1, x[2], x[3]}}, settings(x, {{2, 3}, true}, {{2, 3}, true}));
  }
  PointwiseSumsAttrs nothing_stored = settings({2, 16, 9, 9}, {{2, 3}, true}, {{2, 3}, true});
  nothing_stored.pointwise.results.clear();
  c.ok({{2, 16, 9, 9}, {16, 1, 1}, {}}, nothing_stored);
}

TEST_CASE("pointwise_sums: rules") {
  const OpCheck c(pointwise_sums_op);
  PointwiseSumsAttrs a = settings({1, 8, 3, 3}, {{2, 3}, true}, {{2, 3}, true});
  a.sums[1].source = 6;
  c.fails("R4", {{1, 8, 3, 3}, {}, {}}, a, "register 6 is summed, but only 6 are written");
  a.sums[1].source = -1;
  c.fails("R4", {{1, 8, 3, 3}, {}, {}}, a, "register -1 is summed");
}
