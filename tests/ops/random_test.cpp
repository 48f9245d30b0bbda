#include "g2face/ops/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "g2face/plan/executor.hpp"
#include "op_check.hpp"

using namespace g2face;

namespace {

Tensor draw(const RandomAttrs& attrs, double seed, const Device& device) {
  Graph g;
  const Value s = g.input({DType::i64, {1}}, "seed");
  const Value y = random_normal(s, attrs);
  Executor run(plan(g, {y}, {.device = device}));
  run.set(s, Tensor::full({DType::i64, {1}}, seed));
  run.run();
  return run.get(y).to(DType::f64);
}

}  // namespace

TEST_CASE("random: Philox gives the numbers its authors published") {
  using Block = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, 0) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32({ones, ones, ones, ones}, ~std::uint64_t{0}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random: stream numbers are FNV-1a") {
  CHECK(random_stream("") == 0xcbf29ce484222325);
  CHECK(random_stream("x") == 0xaf63f54c86021707);
  CHECK(random_stream("a b/\xc3\xa9") == 0xdb91ab7b5e9fb8bf);
}

TEST_CASE("random: blocks follow from the counter") {
  // Block k of a stream has counter {k, stream}; u = (r + 0.5) / 2^32.
  const std::uint64_t k = 0x85a308d3243f6a88, stream = 0x0370734413198a2e, seed = 0x299f31d0a4093822;
  const auto u = random_uniform_block(seed, stream, k);
  CHECK(u[0] == (0xd16cfe09 + 0.5) / 4294967296.0);
  CHECK(u[3] == (0x24126ea1 + 0.5) / 4294967296.0);
  const auto n = random_normal_block(seed, stream, k);
  CHECK(n[0] * n[0] + n[1] * n[1] == doctest::Approx(-2 * std::log(u[0])).epsilon(1e-14));
  CHECK(std::atan2(n[3], n[2]) == doctest::Approx(2 * 3.14159265358979 * u[3]).epsilon(1e-12));
}

TEST_CASE("random: a value is a function of seed, stream and index on every device") {
  const RandomAttrs attrs{.shape = {3, 33}, .stream = random_stream("noise")};
  const Tensor reference = draw(attrs, 7, Device::reference());
  CHECK(relative_error(draw(attrs, 7, Device::cpu()), reference) < 1e-6);
  for (std::size_t i = 0; i < 99; ++i)
    CHECK(reference.as<double>()[i] == random_normal_block(7, attrs.stream, i / 4)[i % 4]);
  // A longer value of the same stream begins with the same numbers; another seed or stream gives others.
  const Tensor longer = draw({.shape = {257}, .stream = attrs.stream}, 7, Device::cpu());
  for (std::size_t i = 0; i < 99; ++i)
    CHECK(longer.as<double>()[i] == doctest::Approx(reference.as<double>()[i]).epsilon(1e-5));
  CHECK(relative_error(draw(attrs, 8, Device::cpu()), reference) > 1);
  CHECK(relative_error(draw({.shape = {3, 33}, .stream = 1}, 7, Device::cpu()), reference) > 1);
  CHECK(draw({.shape = {1}, .stream = 0}, 0x1p53 - 1, Device::cpu()).numel() == 1);
}

TEST_CASE("random: a row for each of several seeds") {
  const RandomAttrs attrs{.shape = {3, 33}, .stream = 5};
  Graph g;
  const Value s = g.input({DType::i64, {3}}, "seeds");
  const Value y = random_normal(s, attrs);
  Executor run(plan(g, {y}, {.device = Device::reference()}));
  Tensor seeds({DType::i64, {3}});
  std::ranges::copy(std::array<std::int64_t, 3>{7, 123456789, 7}, seeds.mutable_as<std::int64_t>().begin());
  run.set(s, seeds);
  run.run();
  const Tensor all = run.get(y);
  const Tensor alone = draw({.shape = {33}, .stream = 5}, 123456789, Device::reference());
  const std::span<const double> rows = all.as<double>();
  CHECK(std::ranges::equal(rows.subspan(33, 33), alone.as<double>()));
  CHECK(std::ranges::equal(rows.subspan(0, 33), rows.subspan(66, 33)));
}

TEST_CASE("random: the numbers are normal") {
  constexpr std::int64_t n = 100'000;
  const Tensor x = draw({.shape = {n}, .stream = 1}, 42, Device::cpu());
  double moments[5] = {};
  for (const double v : x.as<double>())
    for (int p = 1; p <= 4; ++p) moments[p] += std::pow(v, p) / n;
  // Within five standard deviations of what n numbers give.
  CHECK(std::fabs(moments[1]) < 5 * std::sqrt(1.0 / n));
  CHECK(std::fabs(moments[2] - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::fabs(moments[3]) < 5 * std::sqrt(15.0 / n));
  CHECK(std::fabs(moments[4] - 3) < 5 * std::sqrt(96.0 / n));
}

TEST_CASE("random: shapes") {
  const OpCheck c(random_op, RandomAttrs{}, {.gradient = false});
  for (const Shape& shape : {Shape{}, {1}, {31}, {32}, {33}, {257}, {1, 1, 16, 16}})
    c.ok({{{1}, {0, 1000}, DType::i64}}, RandomAttrs{.shape = shape, .stream = 3});
  for (const Shape& shape : {Shape{3}, {3, 32}, {3, 33}, {3, 1, 16, 16}})
    c.ok({{{3}, {0, 1000}, DType::i64}}, RandomAttrs{.shape = shape, .stream = 3});
}

TEST_CASE("random: rules") {
  const OpCheck c(random_op, RandomAttrs{.shape = {2}});
  c.fails("R1", {{1}}, "seed f32[1] must be i64[1]");
  c.fails("R1", {{{3}, {}, DType::i64}}, "seed i64[3] must be i64[1]");
  c.fails("R1", {{{}, {}, DType::i64}}, "seed i64[] must be i64[1]");
  CHECK_THROWS_WITH_AS(draw({.shape = {2}}, -1, Device::cpu()), "random: seed -1 must be at least 0 and below 2^53",
                       Error);
  CHECK_THROWS_AS(draw({.shape = {2}}, 0x1p53, Device::reference()), Error);
}
