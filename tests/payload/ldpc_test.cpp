#include "g2face/payload/ldpc.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "g2face/error.hpp"
#include "payload/check_groups.hpp"

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

TEST_CASE("ldpc: every instruction set gives the same numbers") {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) return;
  // 19 checks of up to 5 bits, among them one of a single bit, on 40 bits.
  std::mt19937 random(8);
  std::vector<std::uint32_t> begin{0}, bits;
  for (std::size_t j = 0; j < 19; ++j) {
    for (std::size_t i = 0; i < 1 + j % 5; ++i) bits.push_back(static_cast<std::uint32_t>((7 * j + 11 * i) % 40));
    begin.push_back(static_cast<std::uint32_t>(bits.size()));
  }
  const CheckGroups groups(begin, bits, 40);
  std::vector<float> llr(40);
  std::normal_distribution<float> normal(1, 2);
  for (float& v : llr) v = normal(random);
  Beliefs a(groups, llr), b(groups, llr);
  for (int i = 0; i < 10; ++i) {
    CHECK(base::pass(groups, a) == avx2::pass(groups, b));
    CHECK(a.total == b.total);
    CHECK(a.told == b.told);
  }
  CHECK(a.total != Beliefs(groups, llr).total);
#endif
}

TEST_CASE("ldpc: a pass tells each bit what the others of its checks say") {
  // p0 + p1 = 0 and p1 + p2 + p3 = 0.
  const std::vector<std::uint32_t> begin{0, 2, 5}, bits{0, 1, 1, 2, 3};
  const CheckGroups groups(begin, bits, 4);
  Beliefs beliefs(groups, {6, -1, 9, 8});
  CHECK(pass(groups, beliefs) == 2);
  CHECK(beliefs.total[0] == doctest::Approx(5));
  CHECK(beliefs.total[1] > 10);  // 6 of the first check, about 8 of the second
  for (int i = 0; i < 3; ++i) pass(groups, beliefs);
  CHECK(pass(groups, beliefs) == 0);
}
