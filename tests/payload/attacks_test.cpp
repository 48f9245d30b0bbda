#include "g2face/payload/attacks.hpp"

#include <doctest/doctest.h>

#include <random>

#include "payload/frame.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

const Channel small{.bits = 1024};
const Binding here{.model = "model", .box = {0, 0, 64, 64}, .file = "a"};

Random counting(std::uint8_t from) {
  return [n = from](std::span<std::uint8_t> bytes) mutable {
    for (std::uint8_t& b : bytes) b = n++;
  };
}

std::vector<float> somebody(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(32);
  for (float& v : x) v = normal(random);
  return x;
}

Key key_of(char digit) { return Key::parse("g2face-secret-key-1 " + std::string(64, digit)); }

Target target(const Key& key, unsigned person, std::uint8_t salt) {
  return target_of(Sealer::with_key(key, counting(salt)).seal(somebody(person), small, here), key, 32, small, here);
}

}  // namespace

TEST_CASE("attacks: no wrong key is accepted, and a right one would be") {
  const Key key = key_of('3');
  const Target t = target(key, 1, 0);
  Tally tally = try_file_keys(t, key, {.tries = 20000, .seed = 4, .threads = 2});
  CHECK(tally.tries == 20000);
  CHECK(tally.opened + tally.false_accepts == 0);
  tally = try_keys(t, {.tries = 150, .seed = 4, .threads = 2});
  CHECK(tally.tries == 150);
  CHECK(tally.opened + tally.false_accepts == 0);
  CHECK_THROWS_AS(try_file_keys(t, key_of('4'), {.tries = 1}), NotAuthentic);
  CHECK_THROWS_AS(target_of(std::vector<std::uint8_t>(1024, 1), key, 32, small, here), NotAuthentic);
}

TEST_CASE("attacks: what opens is compared with what was sealed") {
  const Key key = key_of('3');
  const Target t = target(key, 1, 0);
  const AttackRun run{.tries = 100, .seed = 1, .threads = 1};
  CHECK(flip_bits(t, key, 0, run).opened == 100);
  CHECK(flip_bits(t, key, 0.5, run).opened == 0);
  const Tally one = flip_bits(t, key, 0.05, run),
              three = flip_bits(t, key, 0.05, {.tries = 100, .seed = 1, .threads = 3});
  CHECK(one.opened == three.opened);  // whatever the threads
  CHECK(one.opened > 0);
  CHECK(one.opened < 100);
  CHECK(one.false_accepts == 0);
  Target other = t;
  other.identity = somebody(2);
  CHECK(flip_bits(other, key, 0, run).false_accepts == 100);
}

TEST_CASE("attacks: splices are refused, replays where the binding differs") {
  const Key key = key_of('3');
  const Target a = target(key, 1, 0), b = target(key, 2, 50);
  const Tally spliced = splice(a, b, key, {.tries = 40, .seed = 1});
  CHECK(spliced.tries == 40);
  CHECK(spliced.opened + spliced.false_accepts == 0);
  CHECK(splice(a, a, key, {.tries = 8, .seed = 1}).opened == 8);  // of one payload nothing is put together
  CHECK(replay(a, key, here).opened == 1);
  Binding elsewhere = here;
  elsewhere.file = str("b");
  CHECK(replay(a, key, elsewhere).opened == 0);
  CHECK(replay(a, key_of('4'), here).opened == 0);
}

TEST_CASE("attacks: what is seen without a key is what the threat model says") {
  const Key key = key_of('3');
  const Target a = target(key, 1, 0), b = target(key, 1, 50), stranger = target(key_of('4'), 1, 0);
  CHECK(share_a_key(a, b));
  CHECK(!share_a_key(a, stranger));
  CHECK(read_without_key(a).opened == 0);
  CHECK(read_without_key(a).false_accepts == 0);
  // The lock of a password is for everybody.
  Sealer by_password = Sealer::with_password(Secret(std::string_view("p")), {.passes = 1, .memory_log2 = 13});
  const auto bits = by_password.seal(somebody(1), small, here);
  Target t = a;
  for (std::size_t i = 0; i < bits.size(); ++i) t.logits[i] = bits[i] != 0 ? 1.0F : -1.0F;
  CHECK(read_without_key(t).opened == 3);
  CHECK(read_without_key(t).false_accepts == 0);
}
