#include "g2face/ops/modulated_conv2d.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "golden_case.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

double scale_of(const Shape& w) { return 1 / std::sqrt(static_cast<double>(w[1] * w[2] * w[3])); }

// [1,3,3,1] by itself, of sum 1.
Tensor blur() {
  Tensor f({DType::f64, {4, 4}});
  const double taps[] = {1, 3, 3, 1};
  for (std::size_t i = 0; i < 16; ++i) f.mutable_as<double>()[i] = taps[i / 4] * taps[i % 4] / 64;
  return f;
}

}  // namespace

TEST_CASE("modulated_conv2d: recorded cases") {
  const auto check_case = [](const char* name, Resample resample, bool demodulate = true) {
    check_golden("c_modulated_conv", name, [&](const Named& in) {
      const Value style = in.at("input.style"), weight = in.at("param.weight"), m = in.at("param.modulation.weight");
      const Shape five = weight.shape();  // [1,O,C,k,k]
      const Value w = reshape(weight, {five[1], five[2], five[3], five[4]});
      const double style_scale = 1 / std::sqrt(static_cast<double>(m.shape()[1]));
      const Value s = matmul(style, affine(m, style_scale), {.transpose_b = true}) + in.at("param.modulation.bias");
      const ModulatedConv2dAttrs a{.resample = resample, .demodulate = demodulate, .weight_scale = scale_of(w.shape())};
      if (resample == Resample::none) return modulated_conv2d(in.at("input.x"), w, s, a);
      // The file's filter for upsampling has the gain of 4 in it.
      const Value f = affine(in.at("param.blur.kernel"), resample == Resample::up ? 0.25 : 1.0);
      return modulated_conv2d(in.at("input.x"), w, s, f, a);
    });
  };
  check_case("modconv_plain3x3", Resample::none);
  check_case("modconv_plain3x3_c16", Resample::none);
  check_case("modconv_1x1_nodemod_rgb", Resample::none, false);
  check_case("modconv_1x1_demod", Resample::none);
  check_case("modconv_3x3_nodemod", Resample::none, false);
  check_case("modconv_up3x3", Resample::up);
  check_case("modconv_up3x3_c16", Resample::up);
  check_case("modconv_down3x3", Resample::down);
  check_case("modconv_b1", Resample::none);
}

TEST_CASE("modulated_conv2d: equals one convolution per sample with its own normalised weight") {
  Bench b;
  const Value x = b.random({2, 3, 5, 4}), w = b.random({4, 3, 3, 3}), s = b.random({2, 3}, 0.5, 1.5);
  const Value y = modulated_conv2d(x, w, s, {.weight_scale = 0.3, .eps = 0});
  std::vector<Value> samples;
  for (std::int64_t n = 0; n < 2; ++n) {
    const Value modulated = affine(w, 0.3) * reshape(slice_axis(s, 0, n, 1), {1, 3, 1, 1});
    const Value norm = sum(square(modulated), {.axes = {1, 2, 3}, .keep_dims = true});
    const Value unit = modulated * rsqrt(norm);
    CHECK(b.number(sum(square(unit))) == doctest::Approx(4).epsilon(1e-12));  // one for each output channel
    samples.push_back(conv2d(slice_axis(x, 0, n, 1), unit, {.pad = {1, 1}}));
  }
  CHECK(relative_error(b.run(y), b.run(concat(samples, 0))) < 1e-14);
}

TEST_CASE("modulated_conv2d: demodulation cancels the scale of weight and style") {
  Bench b;
  const Value x = b.random({1, 3, 6, 6}), w = b.random({2, 3, 3, 3}), s = b.random({1, 3}, 0.5, 1.5),
              f = b.feed(blur());
  for (const Resample r : {Resample::up, Resample::down}) {
    const Tensor y = b.run(modulated_conv2d(x, w, s, f, {.resample = r, .eps = 0}));
    CHECK(relative_error(b.run(modulated_conv2d(x, w * 7.0, s * 3.0, f, {.resample = r, .eps = 0})), y) < 1e-14);
  }
}

TEST_CASE("modulated_conv2d: resampling equals stuffing zeros or dropping pixels, in one filter") {
  Bench b;
  const Value x = b.random({2, 3, 4, 6}), w = b.random({5, 3, 3, 3}), f = b.feed(blur());
  const Value s = b.feed(Tensor::full({DType::f64, {2, 3}}, 1));
  const Value one = b.feed(Tensor::full({DType::f64, {1, 1}}, 1));
  std::vector<std::int64_t> backwards = {2, 1, 0};
  const Value up = modulated_conv2d(x, w, s, f, {.resample = Resample::up, .demodulate = false});
  CHECK(up.shape() == Shape{2, 5, 8, 12});
  // Zeros between samples, the flipped kernel, the filter.
  const Value stuffed = upfirdn2d(x, one, {.up_x = 2, .up_y = 2, .pad_x1 = -1, .pad_y1 = -1});
  const Value flipped = gather(gather(w, 2, backwards), 3, backwards);
  const Value spread = conv2d(stuffed, flipped, {.pad = {2, 2}});
  const Value want = upfirdn2d(spread, f * 4.0, {.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1});
  CHECK(relative_error(b.run(up), b.run(want)) < 1e-14);

  const Value down = modulated_conv2d(x, w, s, f, {.resample = Resample::down, .demodulate = false});
  CHECK(down.shape() == Shape{2, 5, 2, 3});
  const Value full = conv2d(upfirdn2d(x, f, {.pad_x0 = 2, .pad_x1 = 2, .pad_y0 = 2, .pad_y1 = 2}), w);
  CHECK(relative_error(b.run(down), b.run(upfirdn2d(full, one, {.down_x = 2, .down_y = 2}))) < 1e-14);

  // A constant image keeps its value in the interior.
  const Value flat = b.feed(Tensor::full({DType::f64, {1, 1, 8, 8}}, 1)),
              style = b.feed(Tensor::full({DType::f64, {1, 1}}, 1));
  const Value point = b.feed(Tensor::full({DType::f64, {1, 1, 1, 1}}, 3));
  for (const Resample r : {Resample::up, Resample::down}) {
    const Tensor y = b.run(modulated_conv2d(flat, point, style, f, {.resample = r, .demodulate = false}));
    const std::int64_t side = y.shape()[3];
    CHECK(y.as<double>()[static_cast<std::size_t>(side / 2 * side + side / 2)] == doctest::Approx(3).epsilon(1e-14));
  }
}

TEST_CASE("modulated_conv2d: weights that do not depend on the style stay apart from it") {
  Bench b;
  const Value x = b.random({2, 3, 4, 4}), w = b.random({4, 3, 3, 3}), s = b.random({2, 3});
  const Value y = modulated_conv2d(x, w, s, {.weight_scale = 0.5});
  const Node& node = b.graph.node(y);
  const int before = b.graph.size();
  node.op->formula(b.graph, node.in, node.attrs);
  // The sum over taps is reachable from w without s or x.
  std::vector<bool> of_data(static_cast<std::size_t>(b.graph.size()), false);
  of_data[static_cast<std::size_t>(x.node)] = of_data[static_cast<std::size_t>(s.node)] = true;
  bool found = false;
  for (int n = before; n < b.graph.size(); ++n) {
    for (const Value& v : b.graph.node(n).in) {
      if (of_data[static_cast<std::size_t>(v.node)]) of_data[static_cast<std::size_t>(n)] = true;
    }
    found = found || (b.graph.node(n).op == &reduce_op && !of_data[static_cast<std::size_t>(n)] &&
                      b.graph.node(n).types[0].shape == Shape{4, 3});
  }
  CHECK(found);
}

TEST_CASE("modulated_conv2d: forward and gradients") {
  const OpCheck c(modulated_conv2d_op);
  const Range styles{0.5, 1.5};
  const auto with = [](const ModulatedConv2dAttrs& a) {
    return [=](const std::vector<Value>& v) {
      if (a.resample == Resample::none) return modulated_conv2d(v[0], v[1], v[2], a);
      // The filter is a constant, as it has no gradient.
      return modulated_conv2d(v[0], v[1], v[2], v[0].graph->constant(blur().to(v[0].dtype())), a);
    };
  };
  c.ok({{2, 3, 5, 4}, {4, 3, 3, 3}, {{2, 3}, styles}}, with({.weight_scale = 0.5}));
  c.ok({{2, 16, 4, 4}, {16, 16, 3, 3}, {{2, 16}, styles}}, with({.weight_scale = 0.1}));
  c.ok({{2, 16, 3, 5}, {3, 16, 1, 1}, {{2, 16}, styles}}, with({.demodulate = false}));
  c.ok({{2, 5, 4, 3}, {4, 5, 3, 3}, {{2, 5}, styles}}, with({.resample = Resample::up}));
  c.ok({{1, 16, 4, 4}, {16, 16, 3, 3}, {{1, 16}, styles}}, with({.resample = Resample::up, .weight_scale = 0.1}));
  c.ok({{2, 5, 6, 8}, {4, 5, 3, 3}, {{2, 5}, styles}}, with({.resample = Resample::down}));
  c.ok({{1, 3, 4, 4}, {2, 3, 1, 1}, {{1, 3}, styles}}, with({.resample = Resample::up}));
  c.ok({{1, 3, 4, 4}, {2, 3, 1, 1}, {{1, 3}, styles}}, with({.resample = Resample::down}));
}

TEST_CASE("modulated_conv2d: rules") {
  const OpCheck c(modulated_conv2d_op, ModulatedConv2dAttrs{});
  const ModulatedConv2dAttrs up{.resample = Resample::up}, down{.resample = Resample::down};
  c.fails("R1", {{2, 3, 4, 4}, {1, 5, 3, 3, 3}, {2, 3}}, "w [1,5,3,3,3] and s [2,3] must have ranks 4, 4 and 2");
  c.fails("R2", {{2, 3, 4, 4}, {5, 4, 3, 3}, {2, 3}}, "w [5,4,3,3] takes 4 channels, but x [2,3,4,4] has 3");
  c.fails("R2", {{2, 3, 4, 4}, {5, 3, 2, 2}, {2, 3}}, "w [5,3,2,2] must have an odd square kernel");
  c.fails("R2", {{2, 3, 4, 4}, {5, 3, 3, 1}, {2, 3}}, "w [5,3,3,1] must have an odd square kernel");
  c.fails("R3", {{2, 3, 4, 4}, {5, 3, 3, 3}, {1, 3}}, "s [1,3] must be [2,3]");
  c.fails("R4", {{2, 3, 4, 4}, {5, 3, 3, 3}, {{2, 3}, {}, DType::f64}}, "must have the same floating dtype");
  c.fails("R5", {{2, 3, 4, 4}, {5, 3, 3, 3}, {2, 3}}, up, "a filter f [kh,kw] belongs to resampling");
  c.fails("R5", {{2, 3, 4, 4}, {5, 3, 3, 3}, {2, 3}, {4, 4}}, "a filter f [kh,kw] belongs to resampling");
  c.fails("R5", {{2, 3, 4, 4}, {5, 3, 3, 3}, {2, 3}, {4}}, down, "a filter f [kh,kw] belongs to resampling");
  c.fails("R6", {{2, 3, 1, 4}, {5, 3, 3, 3}, {2, 3}, {4, 4}}, down, "x [2,3,1,4] is too small to halve");
}
