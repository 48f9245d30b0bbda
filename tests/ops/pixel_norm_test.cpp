#include "g2face/ops/pixel_norm.hpp"

#include <doctest/doctest.h>

#include "golden_case.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("pixel_norm: recorded cases") {
  for (const char* name : {"pixelnorm_2d", "pixelnorm_4d"}) {
    check_golden("g_linear_mlp", name, [](const Named& in) { return pixel_norm(in.at("input.x")); });
  }
}

TEST_CASE("pixel_norm: mean square 1 over channels, whatever the scale") {
  Bench b;
  const Value x = b.random({2, 5, 3});
  const Value y = pixel_norm(x, {.eps = 0});
  const Tensor squares = b.run(mean(square(y), {.axes = {1}}));
  for (const double v : squares.as<double>()) CHECK(v == doctest::Approx(1).epsilon(1e-13));
  CHECK(relative_error(b.run(pixel_norm(x * 100.0, {.eps = 0})), b.run(y)) < 1e-14);
  CHECK(b.number(sum(abs(pixel_norm(b.feed(Tensor::zeros({DType::f64, {1, 4}})))))) == 0);
}

TEST_CASE("pixel_norm: forward and gradients") {
  const OpCheck c(pixel_norm_op, PixelNormAttrs{});
  c.ok({{3, 11}});
  c.ok({{2, 16, 3, 4}});
  c.ok({{2, 5, 3}}, PixelNormAttrs{.eps = 0.5});
}

TEST_CASE("pixel_norm: rules") {
  const OpCheck c(pixel_norm_op, PixelNormAttrs{});
  c.fails("R1", {{4}}, "x f32[4] must have rank 2 or more and a floating dtype");
  c.fails("R1", {{{2, 4}, {}, DType::i32}}, "x i32[2,4]");
}
