#include "g2face/ops/pool2d.hpp"

#include <doctest/doctest.h>

#include "golden_case.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("max_pool2d: recorded cases") {
  const Pool2dAttrs a{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
  // The last has ties: zeros behind a ReLU.
  for (const char* name : {"maxpool_even", "maxpool_odd", "maxpool_ties"}) {
    check_golden("i_resnets", name, [&](const Named& in) { return max_pool2d(in.at("input.x"), a); });
  }
}

TEST_CASE("max_pool2d: gradient and pick are adjoint; ties go to the first") {
  for (const Pool2dAttrs& a : {Pool2dAttrs{}, Pool2dAttrs{.kernel = {3, 2}, .stride = {2, 1}, .pad = {1, 1}},
                               Pool2dAttrs{.kernel = {3, 3}, .stride = {2, 3}, .ceil_mode = true}}) {
    INFO(a.str());
    Bench b;
    const Value x = round(b.random({2, 3, 8, 9}, -2, 2));  // many ties
    const Value y = max_pool2d(x, a);
    const Value dy = b.random(y.shape()), g = b.random(x.shape());
    const Value dx = max_pool2d_grad(x, dy, a);
    CHECK(b.number(sum(g * dx)) == doctest::Approx(b.number(sum(max_pool2d_pick(x, g, a) * dy))).epsilon(1e-12));
    CHECK(relative_error(b.run(max_pool2d_pick(x, x, a)), b.run(y)) == 0);
    CHECK(relative_error(b.run(gradients(sum(dx * g), {dy})[0]), b.run(max_pool2d_pick(x, g, a))) == 0);
  }
  Bench b;
  const Value x = b.feed(Tensor::from({1, 1, 2, 2}, {1, 3, 3, 3}));
  const Tensor dx = b.run(gradients(sum(max_pool2d(x, {})), {x})[0]);
  CHECK(relative_error(dx, Tensor::from({1, 1, 2, 2}, {0, 1, 0, 0}).to(DType::f64)) == 0);
}

TEST_CASE("max_pool2d: padding never wins, and ceil_mode drops windows that begin behind the input") {
  Bench b;
  const Value x = b.random({1, 1, 3, 3}, -2, -1);
  const Tensor y = b.run(max_pool2d(x, {.kernel = {2, 2}, .stride = {2, 2}, .pad = {1, 1}}));
  CHECK(y.as<double>()[0] == b.feeds[0].second.as<double>()[0]);
  const auto extent = [&](std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
    const Value v = b.random({1, 1, in, 20});
    return max_pool2d(v, {.kernel = {kernel, 1}, .stride = {stride, 1}, .pad = {pad, 0}, .ceil_mode = true}).shape()[2];
  };
  CHECK(extent(5, 2, 2, 0) == 3);
  CHECK(extent(6, 2, 2, 0) == 3);
  CHECK(extent(5, 2, 2, 1) == 3);  // a fourth would begin at 5
  CHECK(extent(6, 3, 2, 1) == 4);
}

TEST_CASE("max_pool2d: every op of the room, forward and gradients") {
  const OpCheck maximum(max_pool2d_op), grad(max_pool2d_grad_op), pick(max_pool2d_pick_op);
  const auto check_all = [&](const Shape& x, const Pool2dAttrs& a) {
    Graph g;
    const Shape y = max_pool2d(g.input({DType::f32, x}, "x"), a).shape();
    maximum.ok({x}, a);
    grad.ok({x, y}, a);
    pick.ok({x, x}, a);
  };
  check_all({2, 3, 6, 8}, {});
  check_all({1, 16, 7, 9}, {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}});
  check_all({1, 2, 5, 7}, {.kernel = {2, 3}, .stride = {1, 2}, .pad = {1, 0}, .ceil_mode = true});
  check_all({1, 17, 4, 4}, {.kernel = {4, 4}, .stride = {1, 1}});
}

TEST_CASE("max_pool2d: rules") {
  const OpCheck c(max_pool2d_op, Pool2dAttrs{});
  c.fails("R1", {{5, 5}}, "x f32[5,5] must have rank 4 and a floating dtype");
  c.fails("R1", {{{1, 1, 5, 5}, {}, DType::i32}}, "x i32[1,1,5,5]");
  c.fails("R2", {{1, 2, 5, 5}}, Pool2dAttrs{.kernel = {2, 2}, .pad = {0, 2}},
          "0 <= 2 pad <= kernel, but they are kernel 2x2, stride 2x2, pad 0x2");
  c.fails("R2", {{1, 2, 5, 5}}, Pool2dAttrs{.stride = {2, 0}}, "stride 2x0");
  c.fails("R2", {{1, 2, 5, 5}}, Pool2dAttrs{.kernel = {6, 6}}, "x [1,2,5,5] has no window for kernel 6x6");
  const OpCheck grad(max_pool2d_grad_op, Pool2dAttrs{}), pick(max_pool2d_pick_op, Pool2dAttrs{});
  grad.fails("R3", {{1, 2, 5, 5}, {1, 2, 5, 5}}, "dy f32[1,2,5,5] must be f32[1,2,2,2], which x [1,2,5,5] pools to");
  pick.fails("R4", {{1, 2, 5, 5}, {1, 2, 2, 2}}, "g f32[1,2,2,2] must be as x f32[1,2,5,5]");
}
