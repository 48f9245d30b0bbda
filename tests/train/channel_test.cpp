#include "g2face/train/channel.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"

using namespace g2face;

TEST_CASE("channel: rounding gives levels of 8 bits, and lets the gradient of clipping pass") {
  Graph g;
  const Value x = g.constant(Tensor::from({6}, {-1.5F, -1, -0.3F, 0.001F, 0.99F, 7}));
  const Value y = round_to_bytes(x);
  const Tensor rounded = testing::evaluate(y, {}), slope = testing::evaluate(gradients(sum(y), {x})[0], {});
  for (std::size_t i = 0; i < 6; ++i) {
    const double in = testing::evaluate(x, {}).to(DType::f64).as<double>()[i];
    const double level = (rounded.to(DType::f64).as<double>()[i] + 1) * 127.5;
    const double want = std::round((std::fmin(std::fmax(in, -1), 1) + 1) * 127.5);
    CHECK(std::fabs(level - want) < 1e-3);
    CHECK(slope.to(DType::f64).as<double>()[i] == (std::fabs(in) <= 1 ? 1 : 0));
  }
}

TEST_CASE("channel: noise has the given size, a seed for each picture, and no part in the gradient") {
  Graph g;
  const Value x = g.constant(Tensor::zeros({DType::f32, {2, 3, 32, 32}}));
  Tensor numbers({DType::i64, {2}});
  numbers.mutable_as<std::int64_t>()[0] = numbers.mutable_as<std::int64_t>()[1] = 5;
  const Value y = channel(x, g.constant(numbers), {.noise = 0.1});
  const Tensor noise = testing::evaluate(y, {}).to(DType::f64);
  double square = 0;
  for (std::size_t i = 0; i < 3072; ++i) {
    CHECK(noise.as<double>()[i] == noise.as<double>()[3072 + i]);
    square += noise.as<double>()[i] * noise.as<double>()[i] / 3072;
  }
  CHECK(std::sqrt(square) == doctest::Approx(0.1).epsilon(0.07));  // five standard deviations of 3072 numbers
  CHECK(testing::evaluate(sum(gradients(sum(y), {x})[0]), {}).item() == 6144);
  CHECK(channel(x, g.constant(numbers), {.noise = 0}) == x);
}
