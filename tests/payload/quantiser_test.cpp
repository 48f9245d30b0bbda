#include "g2face/payload/quantiser.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "g2face/error.hpp"
#include "g2face/eval/metrics.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

/// The smallest cosine of 200 vectors.
template <class Distribution>
double worst_cosine(std::size_t dimension, int bits, Distribution distribution) {
  std::mt19937 random(5);
  double worst = 1;
  for (int i = 0; i < 200; ++i) {
    std::vector<float> x(dimension);
    for (float& v : x) v = static_cast<float>(distribution(random));
    worst = std::min(worst, cosine(x, dequantise(quantise(x, bits))));
  }
  return worst;
}

}  // namespace

TEST_CASE("quantiser: six bits keep the direction of an identity to 0.9995") {
  const std::normal_distribution<double> normal(0, 1.7);
  CHECK(worst_cosine(512, 6, normal) >= 0.9995);
  CHECK(worst_cosine(512, 5, normal) < 0.9995);  // so six are the least
  CHECK(worst_cosine(512, 8, normal) >= 0.99996);
  CHECK(worst_cosine(128, 6, normal) >= 0.9994);
  CHECK(worst_cosine(128, 4, normal) >= 0.99);  // for models that hide too little
  CHECK(worst_cosine(128, 3, normal) >= 0.95);
  // Distributions that identities are not known to have lose a little more.
  CHECK(worst_cosine(512, 6, std::uniform_real_distribution<double>(-1, 1)) >= 0.9995);
  CHECK(worst_cosine(512, 6, std::student_t_distribution<double>(3)) >= 0.997);
}

TEST_CASE("quantiser: the norm stays, whatever the vector is") {
  for (const std::vector<float>& x :
       {std::vector<float>{3}, {0, 0, -1e-30F, 0}, {1e30F, -2e30F, 1e25F}, {-1, 1, -1, 1, 5}, {0, 7, 0, 0, 0, 0, 0}}) {
    double sum = 0, kept = 0;
    for (const float v : x) sum += static_cast<double>(v) * v;
    const std::vector<float> y = dequantise(quantise(x, 6));
    for (const float v : y) kept += static_cast<double>(v) * v;
    CHECK(std::sqrt(kept) == doctest::Approx(std::sqrt(sum)).epsilon(1e-6));
    CHECK(cosine(x, y) >= 0.9995);
  }
  CHECK(dequantise(quantise(std::vector<float>(5, 0.0F), 6)) == std::vector<float>(5, 0.0F));
  CHECK_THROWS_AS(quantise(std::vector<float>{}, 6), Error);
  CHECK_THROWS_AS(quantise(std::vector<float>{1}, 9), Error);
  CHECK_THROWS_AS(quantise(std::vector<float>{1}, 2), Error);
  CHECK_THROWS_AS(quantise(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}, 6), Error);
  CHECK_THROWS_AS(quantise(std::vector<float>{std::numeric_limits<float>::max(), 3e38F, 3e38F}, 6), Error);
}

TEST_CASE("quantiser: packed levels come back, and what is no packing is refused") {
  const std::vector<float> x = {0.5F, -2, 1, 0, 3, -0.25F, 0.75F};
  for (int bits = 4; bits <= 8; ++bits) {
    const Quantised q = quantise(x, bits);
    const auto bytes = pack_levels(q);
    CHECK_EQ(bytes.size(), packed_bytes(x.size(), bits));
    Quantised back = q;
    std::fill(back.levels.begin(), back.levels.end(), 99);
    REQUIRE(unpack_levels(bytes, back));
    CHECK(back.levels == q.levels);

    auto bad = bytes;
    bad[0] = 0xff;  // one level above the top
    bad[1] = 0xff;
    CHECK(!unpack_levels(bad, back));
    CHECK(!unpack_levels(std::span(bytes).first(bytes.size() - 1), back));
    if (7 * bits % 8 != 0) {
      bad = bytes;
      bad.back() = static_cast<std::uint8_t>(bad.back() | 1);
      CHECK(!unpack_levels(bad, back));
    }
  }
}
