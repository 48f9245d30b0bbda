#include "g2face/fill.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <vector>

using namespace g2face;

namespace {

std::vector<std::uint32_t> bits_of(const Tensor& t) {
  std::vector<std::uint32_t> bits;
  for (const float v : t.as<float>()) bits.push_back(std::bit_cast<std::uint32_t>(v));
  return bits;
}

}  // namespace

TEST_CASE("fill: published values, bit for bit") {
  CHECK(fnv1a("x") == 0xaf63f54c86021707);
  CHECK(fnv1a("modconv_plain3x3/param.weight") == 0x5e0e313d86d490aa);
  CHECK(fnv1a("a b/\xc3\xa9") == 0xdb91ab7b5e9fb8bf);
  CHECK(bits_of(fill("x", {4})) == std::vector<std::uint32_t>{0xbf18fb3c, 0x3f1df738, 0x3e92c36c, 0x3f27fdf4});
  CHECK(bits_of(fill("modconv_plain3x3/param.weight", {3}, 1.7320507764816284)) ==
        std::vector<std::uint32_t>{0xbf529e75, 0xbebf85b4, 0xbfbfb76b});
  CHECK(bits_of(fill("a b/\xc3\xa9", {3}, 0.5, 0.25)) ==
        std::vector<std::uint32_t>{0x3ee5381c, 0x3ed071de, 0xbdd83920});
}

TEST_CASE("fill: a large tensor begins as a small one, whatever the number of threads") {
  const Tensor large = fill("x", {3, 100'000}, 2, 1);
  const Tensor small = fill("x", {1000}, 2, 1);
  for (std::size_t i = 0; i < 1000; ++i) REQUIRE(large.as<float>()[i] == small.as<float>()[i]);
  CHECK(fill("x", {0, 3}).numel() == 0);
}

TEST_CASE("fill: scale and offset are rounded one after the other") {
  // With a fused multiply-add some of these elements would differ in their last bit.
  const Tensor got = fill("x", {4096}, 0.1, 1e-9);
  const Tensor unit = fill("x", {4096});
  for (std::size_t i = 0; i < 4096; ++i) {
    volatile double product = 0.1 * static_cast<double>(unit.as<float>()[i]);
    REQUIRE(got.as<float>()[i] == static_cast<float>(product + 1e-9));
  }
}

TEST_CASE("sample_position: published values") {
  const std::vector<std::int64_t> of_1000{861, 622, 383, 144, 905, 666, 427, 188};
  const std::vector<std::int64_t> of_65536{31765, 62918, 28535, 59688, 25305, 56458, 22075, 53228};
  for (std::int64_t i = 0; i < 8; ++i) {
    CHECK(sample_position(i, 1000, 8) == of_1000[static_cast<std::size_t>(i)]);
    CHECK(sample_position(i, 65536, 8) == of_65536[static_cast<std::size_t>(i)]);
  }
  CHECK(sample_position(4, 5, 16) == 4);
}
