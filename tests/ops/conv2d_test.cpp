#include "g2face/ops/conv2d.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

struct Case {
  Shape x, w;
  Conv2dAttrs attrs;
};
const std::vector<Case> cases = {
    {{2, 3, 5, 6}, {4, 3, 3, 3}, {.pad = {1, 1}}},
    {{1, 4, 8, 7}, {6, 2, 3, 2}, {.stride = {2, 3}, .pad = {1, 0}, .groups = 2}},
    {{2, 3, 6, 6}, {3, 1, 4, 4}, {.stride = {2, 2}, .pad = {1, 1}, .groups = 3}},
    {{2, 5, 4, 3}, {2, 5, 1, 1}, {.stride = {2, 1}}},
    {{1, 2, 3, 3}, {2, 2, 5, 3}, {.pad = {2, 3}}},
};

double dot(Bench& b, Value p, Value q) { return b.number(sum(p * q)); }

}  // namespace

TEST_CASE("conv2d: by its definition") {
  for (const Case& c : cases) {
    Bench b;
    const Value x = b.random(c.x), w = b.random(c.w);
    const Tensor got = b.run(conv2d(x, w, c.attrs));
    const Conv2dAttrs& a = c.attrs;
    const auto at = [](const Tensor& t, std::int64_t n, std::int64_t ch, std::int64_t i, std::int64_t j) {
      const Shape& s = t.shape();
      if (i < 0 || j < 0 || i >= s[2] || j >= s[3]) return 0.0;
      return t.as<double>()[static_cast<std::size_t>(((n * s[1] + ch) * s[2] + i) * s[3] + j)];
    };
    const Tensor &xt = b.feeds[0].second, &wt = b.feeds[1].second;
    double worst = 0;
    for (std::int64_t n = 0; n < got.shape()[0]; ++n)
      for (std::int64_t o = 0; o < got.shape()[1]; ++o)
        for (std::int64_t i = 0; i < got.shape()[2]; ++i)
          for (std::int64_t j = 0; j < got.shape()[3]; ++j) {
            double want = 0;
            const std::int64_t first = o / (c.w[0] / a.groups) * c.w[1];
            for (std::int64_t ch = 0; ch < c.w[1]; ++ch)
              for (std::int64_t u = 0; u < c.w[2]; ++u)
                for (std::int64_t v = 0; v < c.w[3]; ++v)
                  want += at(wt, o, ch, u, v) *
                          at(xt, n, first + ch, i * a.stride[0] + u - a.pad[0], j * a.stride[1] + v - a.pad[1]);
            worst = std::max(worst, std::abs(want - at(got, n, o, i, j)));
          }
    CHECK(worst < 1e-13);
  }
}

TEST_CASE("conv2d: the three ops are adjoint to each other") {
  for (const Case& c : cases) {
    INFO(c.x, " ", c.w, " ", c.attrs.str());
    Bench b;
    const Value x = b.random(c.x), w = b.random(c.w);
    const Value y = conv2d(x, w, c.attrs);
    const Value dy = b.random(y.shape());
    const std::vector<Value> d = gradients(y, {x, w}, dy);
    const double want = dot(b, y, dy);
    CHECK(dot(b, x, d[0]) == doctest::Approx(want).epsilon(1e-12));
    CHECK(dot(b, w, d[1]) == doctest::Approx(want).epsilon(1e-12));
    // Each gradient is linear in both of its inputs, so that its gradient brings back the others.
    const Value zx = b.random(c.x), zw = b.random(c.w);
    const std::vector<Value> of_input = gradients(sum(d[0] * zx), {dy, w});
    CHECK(relative_error(b.run(of_input[0]), b.run(conv2d(zx, w, c.attrs))) < 1e-13);
    CHECK(dot(b, of_input[1], w) == doctest::Approx(dot(b, d[0], zx)).epsilon(1e-12));
    const std::vector<Value> of_weight = gradients(sum(d[1] * zw), {x, dy});
    CHECK(relative_error(b.run(of_weight[1]), b.run(conv2d(x, zw, c.attrs))) < 1e-13);
    CHECK(dot(b, of_weight[0], x) == doctest::Approx(dot(b, d[1], zw)).epsilon(1e-12));
  }
}

TEST_CASE("conv2d: groups are separate convolutions") {
  Bench b;
  const Value x = b.random({2, 6, 5, 4}), w = b.random({9, 2, 3, 3});
  const Value whole = conv2d(x, w, {.pad = {1, 1}, .groups = 3});
  std::vector<Value> parts;
  for (std::int64_t g = 0; g < 3; ++g) {
    parts.push_back(conv2d(slice_axis(x, 1, 2 * g, 2), slice_axis(w, 0, 3 * g, 3), {.pad = {1, 1}}));
  }
  CHECK(relative_error(b.run(whole), b.run(concat(parts, 1))) == 0);
}

TEST_CASE("conv_transpose2d: spreads each sample as the kernel") {
  Bench b;
  const Value x = b.random({2, 3, 4, 5}), w = b.random({3, 2, 3, 3});
  const Value y = conv_transpose2d(x, w, {.stride = {2, 2}});
  CHECK(y.shape() == Shape{2, 2, 9, 11});
  // Zeros between samples, then a convolution with the flipped kernel and in and out exchanged.
  const Value one = b.feed(Tensor::full({DType::f64, {1, 1}}, 1));
  const Value stuffed = upfirdn2d(x, one, {.up_x = 2, .up_y = 2, .pad_x1 = -1, .pad_y1 = -1});
  std::vector<std::int64_t> backwards = {2, 1, 0};
  const Value flipped = gather(gather(transpose(w, {1, 0, 2, 3}), 2, backwards), 3, backwards);
  CHECK(relative_error(b.run(y), b.run(conv2d(stuffed, flipped, {.pad = {2, 2}}))) < 1e-14);
}

TEST_CASE("conv2d: every op of the room, forward and gradients") {
  const OpCheck forward(conv2d_op), input_grad(conv2d_input_grad_op), weight_grad(conv2d_weight_grad_op);
  const auto check_all = [&](const Shape& x, const Shape& w, const Conv2dAttrs& attrs = {}) {
    Graph g;
    const Value y = conv2d(g.input({DType::f32, x}, "x"), g.input({DType::f32, w}, "w"), attrs);
    const Conv2dAttrs filled = g.node(y).attrs.as<Conv2dAttrs>();
    forward.ok({x, w}, [&](const std::vector<Value>& v) { return conv2d(v[0], v[1], attrs); });
    input_grad.ok({y.shape(), w}, [&](const std::vector<Value>& v) { return conv2d_input_grad(v[0], v[1], filled); });
    weight_grad.ok({x, y.shape()}, [&](const std::vector<Value>& v) { return conv2d_weight_grad(v[0], v[1], filled); });
  };
  for (const Case& c : cases) check_all(c.x, c.w, c.attrs);
  check_all({1, 16, 5, 7}, {16, 16, 3, 3}, {.pad = {1, 1}});
  check_all({2, 32, 4, 4}, {16, 32, 3, 3}, {.pad = {1, 1}});
  check_all({2, 16, 6, 5}, {48, 16, 1, 1});
  check_all({1, 20, 5, 5}, {7, 20, 1, 1});
  check_all({1, 16, 6, 6}, {16, 16, 4, 4}, {.stride = {2, 2}, .pad = {1, 1}});
  check_all({1, 16, 7, 7}, {16, 16, 3, 3}, {.stride = {2, 2}});
  check_all({1, 3, 17, 14}, {8, 3, 7, 7}, {.stride = {2, 2}, .pad = {3, 3}});
  check_all({1, 16, 4, 4}, {32, 16, 1, 1}, {.stride = {2, 2}});
  // Depthwise: in blocks of channels, and 9 channels that fill none.
  check_all({2, 16, 5, 6}, {16, 1, 3, 3}, {.pad = {1, 1}, .groups = 16});
  check_all({1, 16, 7, 6}, {16, 1, 3, 3}, {.stride = {2, 2}, .pad = {1, 1}, .groups = 16});
  check_all({2, 16, 7, 7}, {16, 1, 7, 7}, {.groups = 16});
  check_all({1, 9, 5, 5}, {9, 1, 3, 3}, {.pad = {1, 1}, .groups = 9});
}

TEST_CASE("conv_transpose2d: forward and gradients") {
  const OpCheck c(conv2d_input_grad_op);
  const auto with = [](const Conv2dAttrs& attrs) {
    return [=](const std::vector<Value>& v) { return conv_transpose2d(v[0], v[1], attrs); };
  };
  c.ok({{2, 3, 4, 5}, {3, 2, 3, 3}}, with({.stride = {2, 2}}));
  c.ok({{1, 16, 4, 4}, {16, 32, 3, 3}}, with({.stride = {2, 2}}));
  c.ok({{1, 4, 3, 3}, {4, 3, 4, 2}}, with({.stride = {2, 3}, .pad = {1, 0}, .groups = 2}));
}

TEST_CASE("conv2d: rules") {
  const OpCheck c(conv2d_op), input_grad(conv2d_input_grad_op), weight_grad(conv2d_weight_grad_op);
  const auto with = [](const Conv2dAttrs& attrs) {
    return [=](const std::vector<Value>& v) { return conv2d(v[0], v[1], attrs); };
  };
  c.fails("R1", {{4, 5}, {4, 5, 3, 3}}, with({}), "x f32[4,5] and w f32[4,5,3,3] must have rank 4");
  c.fails("R1", {{1, 5, 3, 3}, {{4, 5, 3, 3}, {}, DType::f64}}, with({}), "the same floating dtype");
  c.fails("R1", {{{1, 5, 3, 3}, {}, DType::i32}, {{4, 5, 3, 3}, {}, DType::i32}}, with({}), "the same floating dtype");
  c.fails("R2", {{8, 12, 6, 6}, {12, 6, 3, 3}}, with({}), "w [12,6,3,3] takes 6 channels, but x [8,12,6,6] has 12");
  c.fails("R3", {{1, 6, 3, 3}, {4, 2, 3, 3}}, with({.groups = 3}), "groups 3 does not divide 6 input and 4 output");
  c.fails("R3", {{1, 4, 3, 3}, {6, 2, 3, 3}}, with({.groups = 3}), "groups 3 does not divide 4 input and 6 output");
  c.fails("R3", {{1, 6, 3, 3}, {4, 6, 3, 3}}, with({.groups = 0}), "groups 0");
  c.fails("R4", {{1, 6, 3, 3}, {4, 6, 3, 3}}, with({.stride = {0, 1}}), "stride 0x1");
  c.fails("R4", {{1, 6, 3, 3}, {4, 6, 3, 3}}, with({.pad = {0, -1}}), "pad 0x-1");
  c.fails("R4", {{1, 6, 3, 3}, {4, 6, 3, 0}}, with({}), "kernel 3x0");
  c.fails("R4", {{1, 6, 2, 4}, {4, 6, 5, 5}}, with({.pad = {1, 1}}), "kernel 5x5 does not fit input 2x4 with pad 1x1");

  const auto to_input = [](std::int64_t width) {
    return [=](const std::vector<Value>& v) { return conv2d_input_grad(v[0], v[1], {.input = {6, width}}); };
  };
  input_grad.fails("R1", {{4, 4}, {4, 2, 3, 3}}, to_input(6), "dy f32[4,4] and w");
  input_grad.fails("R2", {{1, 5, 4, 4}, {4, 2, 3, 3}}, to_input(6), "gives 4 channels, but dy [1,5,4,4] has 5");
  input_grad.fails("R4", {{1, 4, 4, 4}, {4, 2, 3, 3}}, to_input(0), "does not fit input 6x0");
  input_grad.fails("R5", {{1, 4, 4, 4}, {4, 2, 3, 3}}, to_input(7), "dy [1,4,4,4] must be 4x5, the size of conv2d for");

  const auto to_weight = [](std::int64_t width) {
    return [=](const std::vector<Value>& v) { return conv2d_weight_grad(v[0], v[1], {.kernel = {3, width}}); };
  };
  weight_grad.fails("R1", {{1, 2, 6, 6}, {4, 4}}, to_weight(3), "x f32[1,2,6,6] and dy f32[4,4]");
  weight_grad.fails("R2", {{1, 2, 6, 6}, {2, 4, 4, 4}}, to_weight(3), "must have the same batch");
  weight_grad.fails("R5", {{1, 2, 6, 6}, {1, 4, 4, 4}}, to_weight(2), "dy [1,4,4,4] must be 4x5");
}
