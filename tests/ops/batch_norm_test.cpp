#include "g2face/ops/batch_norm.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "evaluate.hpp"
#include "g2face/ops.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("batch_norm: by its definition") {
  Bench b;
  const Value x = b.random({2, 3, 4, 2}), m = b.random({3}), var = b.random({3}, 0.5, 2), weight = b.random({3}),
              bias = b.random({3});
  const Tensor got = b.run(batch_norm(x, m, var, weight, bias, {.eps = 0.25}));
  const auto of = [&](std::size_t input, std::size_t i) { return b.feeds[input].second.as<double>()[i]; };
  for (std::size_t i = 0; i < 48; ++i) {
    const std::size_t c = i / 8 % 3;
    const double want = (of(0, i) - of(1, c)) / std::sqrt(of(2, c) + 0.25) * of(3, c) + of(4, c);
    CHECK(got.as<double>()[i] == doctest::Approx(want).epsilon(1e-13));
  }
}
