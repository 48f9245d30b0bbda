#include "g2face/ops/conv2d.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"

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

TEST_CASE("conv2d: refusals") {
  Graph g;
  const auto input = [&](const Shape& s, DType t = DType::f32) { return g.input({t, s}, str("v", g.size())); };
  const Value x = input({8, 512, 64, 64}), w = input({512, 256, 3, 3});
  g.path = "generator/convs.3.conv";
  CHECK_THROWS_WITH_AS(conv2d(x, w),
                       "conv2d 'generator/convs.3.conv': w [512,256,3,3] takes 256 channels, but x [8,512,64,64] has "
                       "512 (R2)",
                       ShapeError);
  g.path.clear();
  const auto refusal = [](auto&& build) {
    try {
      build();
    } catch (const ShapeError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  const auto contains = [](const std::string& text, const char* part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const Value ok = input({4, 512, 3, 3}), small = input({1, 512, 2, 2});
  contains(refusal([&] { conv2d(x, input({512, 3})); }), "(R1)");
  contains(refusal([&] { conv2d(x, input({4, 512, 3, 3}, DType::f64)); }), "(R1)");
  contains(refusal([&] { conv2d(x, ok, {.groups = 3}); }), "groups 3 does not divide 512 input and 4 output channels");
  contains(refusal([&] { conv2d(x, ok, {.groups = 0}); }), "(R3)");
  contains(refusal([&] { conv2d(x, ok, {.stride = {0, 1}}); }), "(R4)");
  contains(refusal([&] { conv2d(x, ok, {.pad = {0, -1}}); }), "(R4)");
  contains(refusal([&] { conv2d(small, ok); }), "kernel 3x3 does not fit input 2x2 with pad 0x0 (R4)");
  contains(refusal([&] { conv_transpose2d(small, ok, {}); }), "(R2)");
  const Value dy = input({8, 4, 62, 62});
  CHECK(conv2d_input_grad(dy, ok, {.input = {64, 64}}).shape() == x.shape());
  contains(refusal([&] {
             conv2d_input_grad(dy, ok, {.input = {64, 65}});
           }),
           "dy [8,4,62,62] must be 62x63, the size of conv2d");
  CHECK(conv2d_weight_grad(x, dy, {.kernel = {3, 3}}).shape() == ok.shape());
  contains(refusal([&] { conv2d_weight_grad(x, dy, {.kernel = {2, 3}}); }), "(R5)");
  contains(refusal([&] { conv2d_weight_grad(small, dy, {.kernel = {1, 1}}); }), "same batch (R2)");
}
