#include "g2face/ops/random.hpp"

#include <cmath>

#include "cuda/kernel_check.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face::test {
namespace {

Tensor draw(const RandomAttrs& attrs, std::int64_t seed) {
  Graph g;
  const Value s = g.input({DType::i64, {1}}, "seed"), y = random_normal(s, attrs);
  Executor run(plan(g, {y}, {.device = Device::cuda()}));
  Tensor value({DType::i64, {1}});
  value.mutable_as<std::int64_t>()[0] = seed;
  run.set(s, value);
  run.run();
  return run.get(y);
}

TEST_CASE("random on CUDA: each number is within four units in the last place of the definition") {
  for (const std::int64_t seed : {std::int64_t{0}, std::int64_t{7}, (std::int64_t{1} << 53) - 1}) {
    const RandomAttrs attrs{.shape = {20'003}, .stream = 0x0370734413198a2e};
    const Tensor y = draw(attrs, seed);
    double worst = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(y.numel()); ++i) {
      const double want = random_normal_block(static_cast<std::uint64_t>(seed), attrs.stream, i / 4)[i % 4];
      const double unit = std::ldexp(1.0, std::ilogb(want) - 23);
      worst = std::max(worst, std::abs(static_cast<double>(y.as<float>()[i]) - want) / unit);
    }
    CHECK(worst < 4);
  }
}

TEST_CASE("random on CUDA: a seed out of range gives NaN") {
  for (const std::int64_t seed : {std::int64_t{-1}, std::int64_t{1} << 53}) {
    const Tensor y = draw({.shape = {7}}, seed);
    for (const float v : y.as<float>()) CHECK(std::isnan(v));
  }
}

}  // namespace
}  // namespace g2face::test
