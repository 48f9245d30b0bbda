#include "g2face/payload/ldpc.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "g2face/error.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

using Bits = std::vector<std::uint8_t>;

Bits some_bits(std::mt19937& random, std::size_t n) {
  Bits bits(n);
  for (std::uint8_t& b : bits) b = static_cast<std::uint8_t>(random() & 1);
  return bits;
}

/// Of `blocks`, those that come through a channel that flips bits at the rate `p`.
int survivors(const Ldpc& code, double p, int blocks) {
  std::mt19937 random(3);
  std::bernoulli_distribution flips(p);
  int good = 0;
  for (int i = 0; i < blocks; ++i) {
    const Bits data = some_bits(random, code.data_bits());
    const Bits word = code.encode(data);
    std::vector<float> llr(word.size());
    for (std::size_t b = 0; b < word.size(); ++b) llr[b] = (word[b] != 0) != flips(random) ? -4.0F : 4.0F;
    good += code.decode(llr) == data ? 1 : 0;
  }
  return good;
}

}  // namespace

TEST_CASE("ldpc: code words are systematic, linear and survive the errors they are made for") {
  std::mt19937 random(1);
  const Ldpc code(208, 1419);
  const Bits a = some_bits(random, 208), b = some_bits(random, 208);
  Bits sum(208);
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = a[i] ^ b[i];
  const Bits wa = code.encode(a), wb = code.encode(b), ws = code.encode(sum);
  REQUIRE(wa.size() == 1419);
  CHECK(Bits(wa.begin(), wa.begin() + 208) == a);
  CHECK(Bits(wa.begin() + 1040, wa.end()) == Bits(wa.begin(), wa.begin() + 379));  // repeated from the start
  bool linear = true;
  for (std::size_t i = 0; i < ws.size(); ++i) linear = linear && ws[i] == (wa[i] ^ wb[i]);
  CHECK(linear);

  CHECK_EQ(survivors(code, 0.08, 60), 60);
  CHECK_EQ(survivors(Ldpc(3288, 14964), 0.15, 3), 3);
  CHECK_EQ(survivors(Ldpc(3288, 14964), 0.24, 1), 0);  // beyond Shannon's limit, 0.221
  CHECK_EQ(survivors(Ldpc(408, 646), 0.01, 60), 60);
}

TEST_CASE("ldpc: erased bits are filled in, and nothing is made of nothing") {
  std::mt19937 random(2);
  const Ldpc code(300, 1000);
  const Bits data = some_bits(random, 300);
  const Bits word = code.encode(data);
  std::vector<float> llr(word.size(), 0.0F);
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (random() % 2 == 0) llr[i] = word[i] != 0 ? -4.0F : 4.0F;
  }
  CHECK(code.decode(llr) == data);
  for (float& v : llr) v = static_cast<float>(random() % 9) - 4;
  CHECK(!code.decode(llr));
}

TEST_CASE("ldpc: sizes that are no code are refused, the smallest is one") {
  CHECK_THROWS_AS(Ldpc(0, 5), Error);
  CHECK_THROWS_AS(Ldpc(5, 5), Error);
  const Ldpc code(8, 12);
  CHECK_THROWS_AS(code.encode(Bits(7)), Error);
  CHECK_THROWS_AS(static_cast<void>(code.decode(std::vector<float>(11))), Error);
  CHECK_EQ(survivors(code, 0, 20), 20);
  CHECK_EQ(survivors(Ldpc(1, 2), 0, 4), 4);
}
