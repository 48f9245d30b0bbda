#include "g2face/ops/conv2d_pointwise.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"
#include "pointwise_instructions.hpp"

using namespace g2face;
using g2face::test::apply;

namespace {

// tanh(conv(x, w) * a + b), and that plus c: three more inputs, two results.
Conv2dPointwiseAttrs settings(const Shape& x, const Shape& w, const Conv2dAttrs& conv) {
  Conv2dPointwiseAttrs a{conv, {}};
  a.conv.kernel = {w[2], w[3]};
  a.conv.input = {x[2], x[3]};
  const auto extent = [&](std::size_t i) {
    return (a.conv.input[i] + 2 * a.conv.pad[i] - a.conv.kernel[i]) / a.conv.stride[i] + 1;
  };
  a.pointwise.shape = {x[0], w[0], extent(0), extent(1)};
  a.pointwise.program = {apply(Binary::mul, 0, 1), apply(Binary::add, 4, 2), apply(Unary::tanh, 5),
                         apply(Binary::add, 6, 3)};
  a.pointwise.results = {6, 7};
  return a;
}

}  // namespace

TEST_CASE("conv2d_pointwise") {
  const OpCheck c(conv2d_pointwise_op, NoAttrs{}, {.gradient = false});
  const auto check = [&](const Shape& x, const Shape& w, const Conv2dAttrs& conv) {
    const Conv2dPointwiseAttrs a = settings(x, w, conv);
    const Shape& y = a.pointwise.shape;
    c.ok({x, w, {y[0], y[1], 1, 1}, {y[1], 1, 1}, y}, a);
    c.ok({x, w, {}, {y[0], 1, y[2], y[3]}, y}, a);
  };
  check({2, 8, 5, 7}, {16, 8, 3, 3}, {.pad = {1, 1}});
  check({1, 16, 6, 6}, {8, 16, 4, 4}, {.stride = {2, 2}, .pad = {1, 1}});
  check({3, 24, 3, 3}, {40, 24, 1, 1}, {});
  check({1, 64, 4, 4}, {8, 64, 3, 3}, {.pad = {1, 1}});  // few pixels and long sums
  check({2, 3, 5, 5}, {5, 3, 3, 3}, {.pad = {1, 1}});    // nothing that a vector fits
}

TEST_CASE("conv2d_pointwise: rules") {
  const OpCheck c(conv2d_pointwise_op);
  const Conv2dPointwiseAttrs a = settings({1, 2, 3, 3}, {4, 2, 1, 1}, {});
  c.fails("R1", {{1, 2, 3, 3}}, a, "there must be x and w, but there are 1 inputs");
  c.fails("R2", {{1, 3, 3, 3}, {4, 2, 1, 1}}, a, "w [4,2,1,1] takes 2 channels");
}
