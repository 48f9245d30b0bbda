#include "g2face/train/augment.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "evaluate.hpp"
#include "g2face/ops/affine_sample2d.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/unary.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

Tensor matrices(const std::vector<Matrix3>& all) {
  Tensor t({DType::f32, {static_cast<std::int64_t>(all.size()), 3, 3}});
  auto to = t.mutable_as<float>().begin();
  for (const Matrix3& m : all)
    for (const double v : m) *to++ = static_cast<float>(v);
  return t;
}

double largest_difference(std::span<const double> a, std::span<const double> b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

constexpr Matrix3 identity = {1, 0, 0, 0, 1, 0, 0, 0, 1};

}  // namespace

TEST_CASE("augment: what each transform of the geometry does") {
  const auto is = [](const GeometryDraw& d, const Matrix3& want) {
    CHECK(largest_difference(geometry_matrix(d, 10, 40), want) < 1e-12);
    CHECK(largest_difference(geometry_matrix({.applied = {}}, 10, 40), identity) == 0);
  };
  is({}, identity);
  is({.flip = 1}, {-1, 0, 0, 0, 1, 0, 0, 0, 1});
  is({.quarter_turns = 3}, {0, -1, 0, 1, 0, 0, 0, 0, 1});
  is({.shift_y = 0.124, .shift_x = -0.12}, {1, 0, -5, 0, 1, 1, 0, 0, 1});  // of -4.8 and 1.24 pixels
  is({.scale = 2}, {2, 0, 0, 0, 2, 0, 0, 0, 1});
  is({.turn_before = std::numbers::pi / 2}, {0, 1, 0, -1, 0, 0, 0, 0, 1});
  is({.stretch = 2}, {2, 0, 0, 0, 0.5, 0, 0, 0, 1});
  is({.turn_after = -std::numbers::pi / 2}, {0, -1, 0, 1, 0, 0, 0, 0, 1});
  is({.fine_shift_y = 0.124, .fine_shift_x = -0.12}, {1, 0, -4.8, 0, 1, 1.24, 0, 0, 1});
  // Each follows those before it: the flip turns with the image, the shift is enlarged.
  is({.flip = 1, .quarter_turns = 3, .shift_x = 0.1, .scale = 2}, {0, -2, 8, -2, 0, 0, 0, 0, 1});
}

TEST_CASE("augment: what each transform of colours does") {
  const auto is = [](const ColourDraw& d, const std::array<double, 3>& colour, const std::array<double, 3>& want) {
    const Matrix4 m = colour_matrix(d);
    std::array<double, 3> got;
    for (std::size_t i = 0; i < 3; ++i)
      got[i] = m[4 * i] * colour[0] + m[4 * i + 1] * colour[1] + m[4 * i + 2] * colour[2] + m[4 * i + 3];
    CHECK(largest_difference(got, want) < 1e-12);
  };
  is({}, {0.1, 0.2, 0.6}, {0.1, 0.2, 0.6});
  is({.brightness = 0.5}, {0.1, 0.2, 0.6}, {0.6, 0.7, 1.1});
  is({.brightness = 0.5, .contrast = 2}, {0.1, 0.2, 0.6}, {1.2, 1.4, 2.2});
  is({.luma_flip = 1}, {0.1, 0.2, 0.6}, {-0.5, -0.4, 0});  // the same colour on the other side of grey 0
  is({.hue = 2 * std::numbers::pi / 3}, {0.1, 0.2, 0.6}, {0.6, 0.1, 0.2});  // red becomes green
  is({.saturation = 0}, {0.1, 0.2, 0.6}, {0.3, 0.3, 0.3});
  is({.brightness = 9, .contrast = 9, .luma_flip = 1, .hue = 9, .saturation = 9, .applied = {}}, {0.1, 0.2, 0.6},
     {0.1, 0.2, 0.6});
}

TEST_CASE("augment: draws have the distributions they should") {
  constexpr int count = 4096;
  constexpr double p = 0.3;
  std::array<double, 8> geometry_applied{};
  std::array<double, 5> colours_applied{};
  std::array<double, 15> sum{}, squares{};
  for (int k = 0; k < count; ++k) {
    const DrawKey key{.seed = 7, .stream = random_stream("test"), .first = static_cast<std::uint64_t>(k)};
    const GeometryDraw g = draw_geometry(p, key);
    const ColourDraw c = draw_colours(p, key);
    for (std::size_t i = 0; i < 8; ++i) geometry_applied[i] += g.applied[i];
    for (std::size_t i = 0; i < 5; ++i) colours_applied[i] += c.applied[i];
    const double log2_scale = std::log2(g.scale) / 0.2, log2_stretch = std::log2(g.stretch) / 0.2;
    const double centred[] = {2 * g.flip - 1,
                              g.quarter_turns / 1.5 - 1,
                              g.shift_y * 8 * std::sqrt(3),
                              g.shift_x * 8 * std::sqrt(3),
                              log2_scale,
                              g.turn_before / std::numbers::pi * std::sqrt(3),
                              log2_stretch,
                              g.turn_after / std::numbers::pi * std::sqrt(3),
                              g.fine_shift_y * 8,
                              g.fine_shift_x * 8,
                              c.brightness * 5,
                              std::log2(c.contrast) * 2,
                              2 * c.luma_flip - 1,
                              c.hue / std::numbers::pi * std::sqrt(3),
                              std::log2(c.saturation)};
    for (std::size_t i = 0; i < std::size(centred); ++i) {
      sum[i] += centred[i];
      squares[i] += centred[i] * centred[i];
    }
  }
  // Five standard deviations: of a mean 1/sqrt(count), of a mean square at most sqrt(2/count).
  const double five = 5 / std::sqrt(count);
  for (std::size_t i = 0; i < sum.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(sum[i] / count) < five);
    CHECK(squares[i] / count == doctest::Approx(1).epsilon(five * std::sqrt(2)));
  }
  for (std::size_t i = 0; i < 8; ++i) {
    const double want = i == 4 || i == 6 ? 1 - std::sqrt(1 - p) : p;
    CHECK(std::abs(geometry_applied[i] / count - want) < five * std::sqrt(want * (1 - want)));
  }
  for (const double n : colours_applied) CHECK(std::abs(n / count - p) < five * std::sqrt(p * (1 - p)));
}

TEST_CASE("augment: draws depend on the sample alone; pads are those of the batch") {
  const DrawKey key{.seed = 3, .stream = random_stream("real"), .first = 40};
  const ImageBatch four{4, 20, 24};
  const Augmentation all = draw_augmentation(0.8, key, four);
  DrawKey third = key;
  third.first += 2;
  const Augmentation one = draw_augmentation(0.8, third, {1, 20, 24});
  for (std::size_t i = 0; i < 9; ++i) CHECK(one.geometry.as<float>()[i] == all.geometry.as<float>()[18 + i]);
  for (std::size_t i = 0; i < 16; ++i) CHECK(one.colours.as<float>()[i] == all.colours.as<float>()[32 + i]);
  CHECK(relative_error(all.pads, reflection_pads(all.geometry, 20, 24)) == 0);
  for (std::size_t i = 0; i < 4; ++i) CHECK(one.pads.as<float>()[i] <= all.pads.as<float>()[i]);
  DrawKey other = key;
  other.stream = random_stream("fake");
  CHECK(relative_error(draw_augmentation(0.8, other, four).geometry, all.geometry) > 0.1);
  other = key;
  other.seed = 4;
  CHECK(relative_error(draw_augmentation(0.8, other, four).colours, all.colours) > 0.1);

  const Augmentation none = draw_augmentation(0, key, four);
  CHECK(relative_error(none.geometry, matrices({identity, identity, identity, identity})) == 0);
  CHECK(relative_error(none.pads, Tensor::from({4}, {6, 6, 6, 6})) == 0);
  CHECK_THROWS_WITH_AS(draw_augmentation(1.5, key, four), "augment: probability 1.5 must lie in 0..1", Error);
  CHECK_THROWS_AS(draw_augmentation(std::nan(""), key, four), Error);
  CHECK_THROWS_AS(draw_augmentation(0.5, key, {0, 20, 24}), ShapeError);
  CHECK_THROWS_AS(draw_augmentation(0.5, key, {1, 20, 1}), ShapeError);
}

TEST_CASE("augment: pads reach as far as the corners, and no further than reflection goes") {
  // By 2 to the right and 3 upwards; four times as large in x.
  CHECK(relative_error(reflection_pads(matrices({{1, 0, 2, 0, 1, -3, 0, 0, 1}}), 20, 20),
                       Tensor::from({4}, {4, 8, 9, 3})) == 0);
  CHECK(relative_error(reflection_pads(matrices({{4, 0, 0, 0, 1, 0, 0, 0, 1}}), 20, 20),
                       Tensor::from({4}, {19, 19, 6, 6})) == 0);
  CHECK(relative_error(reflection_pads(matrices({{0.1, 0, 0, 0, 0.1, 0, 0, 0, 1}}), 40, 40),
                       Tensor::zeros({DType::f32, {4}})) == 0);
  CHECK_THROWS_WITH_AS(reflection_pads(Tensor::zeros({DType::f32, {2, 3}}), 20, 20),
                       "augment: geometry f32[2,3] must be f32[N,3,3]", ShapeError);
}

TEST_CASE("augment: more pad than needed changes an image only if it was made smaller") {
  Graph g;
  const Value x = g.input({DType::f32, {1, 1, 12, 48}}, "x"), geometry = g.input({DType::f32, {1, 3, 3}}, "geometry"),
              pads = g.input({DType::f32, {4}}, "pads"), y = augment_geometry(x, geometry, pads);
  Executor run(plan(g, {y}, {.device = Device::reference()}));
  run.set(x, random_tensor(x.shape(), 5).to(DType::f32));
  const auto both = [&](const Matrix3& m) {
    const Tensor matrix = matrices({m});
    run.set(geometry, matrix);
    run.set(pads, reflection_pads(matrix, 12, 48));
    run.run();
    const Tensor tight = run.get(y).clone();
    run.set(pads, Tensor::from({4}, {47, 47, 11, 11}));
    run.run();
    return relative_error(run.get(y), tight);
  };
  CHECK(both(identity) < 1e-6);
  CHECK(both({-1, 0, 2, 0, 1, -1, 0, 0, 1}) < 1e-6);
  CHECK(both({0.9, 0.1, 0.3, -0.1, 0.8, 0.2, 0, 0, 1}) < 1e-6);
  CHECK(both({2.5, 0, 0, 0, 1, 0, 0, 0, 1}) > 1e-3);
}

TEST_CASE("augment: every device, and gradients of gradients") {
  const std::vector<Matrix3> maps = {{1.05, -0.28, 0.5, 0.33, 0.91, 1.2, 0, 0, 1},
                                     {-0.88, 0.21, -1.1, -0.18, 1.03, 0.3, 0, 0, 1}};
  const OpCheck c(affine_sample2d_op, [&](const std::vector<Value>& in) {
    Graph& g = *in[0].graph;
    const Tensor geometry = matrices(maps);
    const auto constant = [&](const Tensor& t) { return g.constant(t.to(in[0].dtype())); };
    // What is differentiated twice must not be linear.
    return square(augment(tanh(in[0]), {constant(geometry), constant(reflection_pads(geometry, 7, 6)), in[1]}));
  });
  c.ok({{2, 3, 7, 6}, {2, 4, 4}});
}

TEST_CASE("augment: a step, from draws to images") {
  Graph g;
  const AugmentInputs in = augment_inputs(g, "augment/real", 2);
  const Value x = g.input({DType::f32, {2, 3, 12, 10}}, "x"), y = augment(x, in);
  const Augmentation a = draw_augmentation(1, {.seed = 1}, {.samples = 2, .height = 12, .width = 10});
  Executor run(plan(g, {y}, {.device = Device::cpu()}));
  run.set(x, Tensor::full(x.type(), 0.25));
  run.set(in.geometry, a.geometry);
  run.set(in.pads, a.pads);
  run.set(in.colours, a.colours);
  run.run();
  // Far from zeros a constant image stays one: the filters halve it, then double it.
  const Tensor got = run.get(y);
  for (std::size_t n = 0; n < 2; ++n) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::span<const float> row = a.colours.as<float>().subspan(16 * n + 4 * c, 4);
      const double want = 0.25 * (row[0] + row[1] + row[2]) + row[3];
      CHECK(got.as<float>()[(n * 3 + c) * 120 + 65] == doctest::Approx(want).epsilon(0.02));
    }
  }
}

TEST_CASE("augment: shapes that do not fit") {
  Graph g;
  const auto value = [&g](const Shape& s) { return g.constant(Tensor::zeros({DType::f32, s})); };
  const Value x = value({2, 3, 8, 8}), geometry = value({2, 3, 3}), pads = value({4});
  CHECK_THROWS_WITH_AS(augment_geometry(value({3, 8, 8}), geometry, pads),
                       "augment: images f32[3,8,8] must have rank 4", ShapeError);
  CHECK_THROWS_WITH_AS(augment_geometry(value({2, 3, 8, 1}), geometry, pads),
                       "augment: images of 8x1 pixels must have 2 or more along each side", ShapeError);
  CHECK_THROWS_WITH_AS(augment_geometry(x, value({1, 3, 3}), pads), "augment: geometry f32[1,3,3] must be f32[2,3,3]",
                       ShapeError);
  CHECK_THROWS_WITH_AS(augment_geometry(x, geometry, value({2, 4})), "augment: pads f32[2,4] must be f32[4]",
                       ShapeError);
  CHECK_THROWS_WITH_AS(augment_colours(value({2, 1, 8, 8}), value({2, 4, 4})),
                       "augment: images f32[2,1,8,8] must be [N,3,H,W]", ShapeError);
  CHECK_THROWS_WITH_AS(augment_colours(x, value({2, 3, 4})), "augment: colours f32[2,3,4] must be f32[2,4,4]",
                       ShapeError);
}

TEST_CASE("adaptive probability: up above the target, down below and at it, every few steps, within 0..1") {
  AdaptiveProbability ada{{.target = 0.5, .length = 40, .every = 2}};
  const auto logits = [](std::initializer_list<float> v) {
    return Tensor::from({static_cast<std::int64_t>(v.size()), 1}, v);
  };
  CHECK(ada.tune(logits({1, 2, 3, 4})) == 0);
  CHECK(ada.tune(logits({1, 2, 0, -0.f})) == 0.2);  // signs 6 of 8
  CHECK(ada.r == 0.75);
  ada.tune(logits({1, 1, 1, 1}));
  CHECK(ada.tune(logits({0, 0, 1, -1})) == 0);  // 4 of 8 is not above the target
  CHECK(ada.r == 0.5);
  ada.tune(logits({-1, -1}));
  CHECK(ada.tune(logits({-1, -1})) == 0);
  for (int i = 0; i < 50; ++i) ada.tune(2, 2);
  CHECK(ada.p == 1);

  // What was summed up is part of the state.
  ada.tune(4, 4);
  AdaptiveProbability resumed = ada;
  CHECK(resumed == ada);
  CHECK(resumed.tune(-4, 4) == ada.tune(-4, 4));
  CHECK(ada.p == 0.8);
  AdaptiveProbability wrong{{.every = 0}};
  CHECK_THROWS_WITH_AS(wrong.tune(1, 1), "ada.every is 0, expected a positive number of steps", Error);
  CHECK_THROWS_AS(ada.tune(Tensor::zeros({DType::f64, {1}})), ShapeError);
}
