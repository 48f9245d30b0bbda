#include "g2face/ops/upfirdn2d.hpp"

#include <doctest/doctest.h>

#include "golden_case.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

Upfirdn2dAttrs attrs(std::array<std::int64_t, 2> up, std::array<std::int64_t, 2> down,
                     std::array<std::int64_t, 4> pad) {
  return {.up_x = up[0],
          .up_y = up[1],
          .down_x = down[0],
          .down_y = down[1],
          .pad_x0 = pad[0],
          .pad_x1 = pad[1],
          .pad_y0 = pad[2],
          .pad_y1 = pad[3]};
}

}  // namespace

TEST_CASE("upfirdn2d: recorded cases") {
  const auto check_case = [](const std::string& name, const Upfirdn2dAttrs& a) {
    check_golden("a_upfirdn2d", "upfirdn2d_" + name,
                 [&](const Named& in) { return upfirdn2d(in.at("input.x"), in.at("input.kernel"), a); });
  };
  check_case("blur_k1331", attrs({1, 1}, {1, 1}, {2, 1, 2, 1}));
  check_case("up2_k1331x4", attrs({2, 2}, {1, 1}, {2, 1, 2, 1}));
  check_case("down2_k1331", attrs({1, 1}, {2, 2}, {1, 1, 1, 1}));
  check_case("asympad_mixed", attrs({2, 1}, {1, 2}, {3, 1, 0, 2}));
  check_case("negpad_all", attrs({1, 1}, {1, 1}, {-1, -2, -2, -1}));
  check_case("negpad_mixed_up2", attrs({2, 2}, {1, 1}, {2, -1, -2, 3}));
  check_case("asymkernel_3x4", attrs({1, 1}, {1, 1}, {1, 2, 0, 1}));
  check_case("asymkernel_5x2_up2_down2", attrs({2, 2}, {2, 2}, {1, 0, 2, 2}));
  check_case("sym6_row_up2", attrs({2, 1}, {1, 1}, {6, 5, 0, 0}));
  check_case("sym6flip_col_down2", attrs({1, 1}, {1, 2}, {0, 0, -1, -1}));
  check_case("1x1", attrs({2, 2}, {1, 1}, {2, 1, 2, 1}));
}

TEST_CASE("upfirdn2d: the gradient is the adjoint, and its own gradient is the op again") {
  for (const Upfirdn2dAttrs& a : {attrs({1, 1}, {1, 1}, {2, 1, 0, 3}), attrs({3, 2}, {2, 3}, {1, 4, 2, 0}),
                                  attrs({2, 1}, {1, 2}, {-1, 2, 3, -2}), attrs({1, 2}, {3, 1}, {-2, -1, -1, -1})}) {
    INFO(a.str());
    Bench b;
    const Value x = b.random({2, 3, 7, 8}), f = b.random({3, 2});
    const Value y = upfirdn2d(x, f, a);
    const Value dy = b.random(y.shape());
    const Value dx = gradients(y, {x}, dy)[0];
    CHECK(b.number(sum(y * dy)) == doctest::Approx(b.number(sum(x * dx))).epsilon(1e-12));
    const Value z = b.random(x.shape());
    const Value again = gradients(sum(dx * z), {dy})[0];
    CHECK(relative_error(b.run(again), b.run(upfirdn2d(z, f, a))) < 1e-14);
  }
}

TEST_CASE("upfirdn2d: impulse, flip and correlation") {
  Bench b;
  Tensor impulse = Tensor::zeros({DType::f64, {1, 1, 3, 3}});
  impulse.mutable_as<double>()[4] = 1;
  const Value x = b.feed(impulse);
  const Tensor taps = random_tensor({3, 3}, 5);
  const Value f = b.feed(taps);
  // Convolution spreads an impulse as the filter itself.
  CHECK(relative_error(b.run(upfirdn2d(x, f, attrs({1, 1}, {1, 1}, {1, 1, 1, 1}))).reshape({3, 3}), taps) == 0);
  Upfirdn2dAttrs correlating = attrs({1, 1}, {1, 1}, {1, 1, 1, 1});
  correlating.correlate = true;
  const Tensor flipped = b.run(upfirdn2d(x, f, correlating));
  for (std::size_t i = 0; i < 9; ++i) CHECK(flipped.as<double>()[i] == taps.as<double>()[8 - i]);
}

TEST_CASE("upfirdn2d: forward and gradients") {
  // The filter is a constant, as it has no gradient.
  const auto check_case = [](const Shape& x, const Shape& f, const Upfirdn2dAttrs& a) {
    const Tensor taps = random_tensor(f, 7);
    OpCheck(upfirdn2d_op).ok({x}, [&](const std::vector<Value>& v) {
      return upfirdn2d(v[0], v[0].graph->constant(taps.to(v[0].dtype())), a);
    });
  };
  check_case({2, 3, 6, 5}, {4, 4}, attrs({1, 1}, {1, 1}, {2, 1, 2, 1}));
  check_case({1, 16, 7, 9}, {4, 4}, attrs({1, 1}, {1, 1}, {1, 1, 1, 1}));
  check_case({1, 16, 4, 4}, {4, 4}, attrs({2, 2}, {1, 1}, {2, 1, 2, 1}));
  check_case({1, 16, 8, 6}, {4, 4}, attrs({1, 1}, {2, 2}, {1, 1, 1, 1}));
  check_case({1, 3, 9, 8}, {3, 4}, attrs({3, 2}, {2, 3}, {-2, 3, 4, -1}));
  check_case({1, 2, 5, 24}, {1, 12}, attrs({2, 1}, {1, 1}, {6, 5, 0, 0}));
  Upfirdn2dAttrs correlating = attrs({1, 2}, {1, 1}, {1, 1, 1, 2});
  correlating.correlate = true;
  check_case({1, 2, 5, 4}, {2, 3}, correlating);
}

TEST_CASE("upfirdn2d: rules") {
  const OpCheck c(upfirdn2d_op, Upfirdn2dAttrs{});
  c.fails("R1", {{2, 2}, {2, 2}}, "x f32[2,2] and f f32[2,2] must have ranks 4 and 2");
  c.fails("R1", {{1, 2, 3, 4}, {4}}, "f f32[4]");
  c.fails("R1", {{1, 2, 3, 4}, {{2, 2}, {}, DType::f64}}, "the same floating dtype");
  c.fails("R2", {{1, 2, 3, 4}, {2, 2}}, Upfirdn2dAttrs{.down_y = 0},
          "factors must be positive, but they are up 1x1, down 0x1, pad y 0 0 x 0 0");
  c.fails("R3", {{1, 2, 3, 4}, {2, 2}}, Upfirdn2dAttrs{.pad_y0 = -1, .pad_y1 = -1},
          "f [2,2] does not fit x [1,2,3,4], which upsampled and padded is 1x4");
  Graph g;
  const Value x = g.input({DType::f32, {1, 2, 3, 4}}, "x"), f = g.input({DType::f32, {2, 2}}, "f");
  CHECK_THROWS_WITH_AS(gradients(sum(upfirdn2d(x, f, {})), {f}),
                       "upfirdn2d has no gradient for its filter f, and one was asked for", GraphError);
}
