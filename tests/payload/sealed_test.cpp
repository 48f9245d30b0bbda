#include "g2face/payload/sealed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "g2face/eval/metrics.hpp"
#include "payload/format.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

constexpr PasswordCost cheap{.passes = 1, .memory_log2 = 13};
const Channel full{.bits = 16384}, floats{.bits = 16384, .map = ChannelMap::float_positions}, small{.bits = 1024};
const Binding here{.model = "model", .face = 2, .box = {1, 2, 256, 256}, .file = "a.png"};

std::vector<float> some_identity(std::size_t n, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> x(n);
  for (float& v : x) v = normal(random);
  return x;
}

/// As an extractor reads them that has the scale `m` and noise of `sigma`.
std::vector<float> read_as(const Bytes& bits, float m, float sigma, unsigned seed = 9) {
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0, sigma);
  std::vector<float> logits(bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) logits[i] = (bits[i] != 0 ? m : -m) + (sigma > 0 ? noise(random) : 0);
  return logits;
}

double difference(std::span<const float> a, std::span<const float> b) {
  double d = 0, n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    d += std::pow(static_cast<double>(a[i]) - b[i], 2);
    n += std::pow(static_cast<double>(a[i]), 2);
  }
  return std::sqrt(d / n);
}

Secret password(std::string_view text) { return Secret(text); }

}  // namespace

TEST_CASE("sealed: a password opens what it sealed, through noise, on both maps") {
  Sealer sealer = Sealer::with_password(password("pass"), cheap);
  Opener opener = Opener::with_password(password("pass"));
  const auto identity = some_identity(512);
  for (const Channel& channel : {full, floats}) {
    const Bytes bits = sealer.seal(identity, channel, here);
    CHECK(std::all_of(bits.begin(), bits.end(), [](int b) { return b == 0 || b == 1; }));
    for (const float m : {0.01F, 1.0F, 300.0F}) {  // whatever the extractor's scale is
      const Opened opened = opener.open(read_as(bits, m, 0.75F * m), 512, channel, here);
      CHECK(difference(identity, opened.identity) < 0.032);  // cosine 0.9995
      CHECK(opened.bits_per_value == 6);
      CHECK(opened.channel_bits == channel.capacity());
      CHECK(opened.bit_error_rate == doctest::Approx(0.0912).epsilon(0.1));  // of normal noise: Q(1/0.75)
    }
    CHECK(opener.open(read_as(bits, 5, 0), 512, channel, here).bit_error_rate == 0);
  }
}

TEST_CASE("sealed: hard decisions do, and unknown bits count as unknown") {
  const Key key = Key::generate();
  const Bytes bits = Sealer::with_key(key).seal(some_identity(512), full, here);
  std::vector<float> logits = read_as(bits, 1, 0);
  std::mt19937 random(4);
  for (float& z : logits) {
    if (random() % 100 < 8) z = -z;
    if (random() % 20 == 0) z = std::numeric_limits<float>::quiet_NaN();
    if (random() % 500 == 0) z = std::numeric_limits<float>::infinity();
  }
  Opener opener = Opener::with_key(key.copy());
  CHECK(difference(some_identity(512), opener.open(logits, 512, full, here).identity) < 0.032);
}

TEST_CASE("sealed: where the floats of the published method have lost an identity, all of it is there") {
  const Key key = Key::generate();
  Sealer sealer = Sealer::with_key(key);
  Opener opener = Opener::with_key(key.copy());
  std::mt19937 random(12);
  std::bernoulli_distribution flips(0.01);
  double published = 0, worst = 1;
  constexpr int people = 40;
  for (int i = 0; i < people; ++i) {
    std::vector<float> x = some_identity(512, static_cast<unsigned>(i));
    for (float& v : x) v /= 2;  // of variance 1, as the published method's figures are for
    std::vector<float> logits = read_as(sealer.seal(x, full, here), 1, 0);
    for (float& z : logits) z = flips(random) ? -z : z;
    worst = std::min(worst, cosine(x, opener.open(logits, 512, full, here).identity));

    std::vector<float> as_floats = x;
    for (float& v : as_floats) {
      std::uint32_t word = std::bit_cast<std::uint32_t>(v);
      for (int b = 0; b < 32; ++b) word ^= (flips(random) ? 1U : 0U) << b;
      v = std::abs(std::bit_cast<float>(word)) <= 50 ? std::bit_cast<float>(word) : 0.0F;
    }
    published += cosine(x, as_floats) / people;
  }
  CHECK(worst >= 0.9995);
  CHECK(published == doctest::Approx(0.86).epsilon(0.03));  // 40 vectors
}

TEST_CASE("sealed: recipients open with their keys, the sealer cannot") {
  const Key a = Key::generate(), b = Key::generate(), stranger = Key::generate();
  const Bytes bits = Sealer::for_recipients({a.public_key(), b.public_key()}).seal(some_identity(512), full, here);
  for (const Key* key : {&a, &b}) {
    const Opened opened = Opener::with_key(key->copy()).open(read_as(bits, 1, 0.6F), 512, full, here);
    CHECK(difference(some_identity(512), opened.identity) < 0.032);
  }
  CHECK_THROWS_AS(Opener::with_key(stranger.copy()).open(read_as(bits, 1, 0), 512, full, here), NotAuthentic);
  CHECK_THROWS_AS(Opener::with_password(password("x")).open(read_as(bits, 1, 0), 512, full, here), NotAuthentic);
  CHECK_THROWS_AS(Sealer::for_recipients({}), Error);
  std::vector<PublicKey> many(8, a.public_key());
  CHECK_THROWS_WITH_AS(Sealer::for_recipients(many).seal(some_identity(128), {.bits = 4096}, here),
                       doctest::Contains("fewer recipients"), CapacityError);
}

TEST_CASE("sealed: what it was not sealed for, it does not open for") {
  Sealer sealer = Sealer::with_password(password("pass"), cheap);
  const auto logits = read_as(sealer.seal(some_identity(32), small, here), 1, 0);
  Opener right = Opener::with_password(password("pass"));
  CHECK_NOTHROW(right.open(logits, 32, small, here));
  CHECK_THROWS_WITH_AS(Opener::with_password(password("pasS")).open(logits, 32, small, here),
                       doctest::Contains("wrong password"), NotAuthentic);
  CHECK_THROWS_AS(Opener::with_password(password("")).open(logits, 32, small, here), NotAuthentic);
  CHECK_THROWS_AS(Opener::with_key(Key::generate()).open(logits, 32, small, here), NotAuthentic);
  std::vector<Binding> elsewhere(5, here);
  elsewhere[0].model = "mode";
  elsewhere[1].face = 3;
  elsewhere[2].box[3] = 255;
  elsewhere[3].file = "";
  elsewhere[4].file = "b.png";
  for (const Binding& place : elsewhere) CHECK_THROWS_AS(right.open(logits, 32, small, place), NotAuthentic);
  CHECK_THROWS_AS(right.open(logits, 31, small, here), NotAuthentic);
  CHECK_THROWS_AS(right.open(std::span(logits).first(1000), 32, small, here), ShapeError);
  CHECK_THROWS_WITH_AS(right.open(std::vector<float>(1024, 0.0F), 32, small, here),
                       doctest::Contains("no sealed payload"), NotAuthentic);
}

TEST_CASE("sealed: a model too small says how many bits are needed") {
  CHECK_THROWS_WITH_AS(layout(992, 128, lock_size()),
                       "the sealed payload of 128 values needs 1010 hidden bits (808 and error correction), but the "
                       "model hides 992: take a larger model, fewer recipients, or hide nothing",
                       CapacityError);
  const payload::Layout l = layout(16384, 512, lock_size());
  CHECK(l.bits_per_value == 6);
  CHECK(l.rate() == doctest::Approx(3496.0 / 16384));
  CHECK(l.lock_channel + l.body_channel == 16384);
  CHECK(l.error_limit() == doctest::Approx(0.2313).epsilon(1e-3));  // where 1 - H(p) is 3288 / 14965
  CHECK(layout(4096, 128, lock_size()).bits_per_value == 6);
  CHECK(layout(1024, 32, lock_size()).bits_per_value == 6);
  CHECK(layout(1300, 64, lock_size()).bits_per_value == 6);
  CHECK(layout(1250, 64, lock_size()).bits_per_value == 5);
  CHECK(layout(1498, 128, lock_size()).bits_per_value == 4);
  CHECK(layout(1497, 128, lock_size()).bits_per_value == 3);
  CHECK(layout(1010, 128, lock_size()).bits_per_value == 3);
}

TEST_CASE("sealed: 128 values fit into 1,024 bits, roughly, and survive a few errors") {
  Sealer sealer = Sealer::with_password(password("pass"), cheap);
  Opener opener = Opener::with_password(password("pass"));
  const auto identity = some_identity(128);
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Bytes bits = sealer.seal(identity, small, here);
    std::vector<float> logits = read_as(bits, 3, 1.2F, seed);  // about 0.6 % wrong
    const Opened opened = opener.open(logits, 128, small, here);
    CHECK(opened.bits_per_value == 3);
    CHECK(cosine(opened.identity, identity) > 0.95);
    CHECK(opened.error_limit == doctest::Approx(0.0282).epsilon(0.01));  // of a rate of 600 / 737
  }
}

TEST_CASE("sealed: no forged, flipped or swapped body is taken, nor any wrong key") {
  const Secret shared(std::array<std::uint8_t, 32>{7});
  std::array<std::uint8_t, 24> salt{};
  const Bytes lock = write_lock(LockKind::key, {}, salt);
  const FileKeys keys = file_keys(shared, lock);
  const Bytes plain = write_plain(quantise(some_identity(32), 6));
  const Bytes body = seal_body(keys, plain, here);
  REQUIRE(open_body(keys, body, here) == plain);
  int accepted = 0;
  for (std::size_t bit = 0; bit < 8 * body.size(); ++bit) {
    Bytes changed = body;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    accepted += open_body(keys, changed, here) ? 1 : 0;
  }
  std::mt19937 random(6);
  FileKeys guess = file_keys(shared, lock);
  for (int i = 0; i < 100000; ++i) {
    for (std::uint8_t& b : guess.seal()) b = static_cast<std::uint8_t>(random());
    accepted += open_body(guess, body, here) ? 1 : 0;
  }
  for (std::size_t n = 0; n < body.size(); ++n) accepted += open_body(keys, std::span(body).first(n), here) ? 1 : 0;
  salt[23] = 1;
  accepted += open_body(file_keys(shared, write_lock(LockKind::key, {}, salt)), body, here) ? 1 : 0;
  CHECK_EQ(accepted, 0);
}

TEST_CASE("sealed: plain bytes that are not as they are written are refused") {
  const Quantised q = quantise(some_identity(33), 5);
  const Bytes good = write_plain(q);
  REQUIRE(read_plain(good, 33));
  CHECK(dequantise(*read_plain(good, 33)) == dequantise(q));
  CHECK(!read_plain(good, 32));
  for (std::size_t n = 0; n < good.size(); ++n) CHECK(!read_plain(std::span(good).first(n), 33));
  for (const std::pair<std::size_t, int>& change : std::vector<std::pair<std::size_t, int>>{
           {0, 2}, {1, 2}, {2, 1}, {4, 3}, {4, 9}, {4, 6}, {5, 0xff}, {31, 0xff}}) {
    Bytes bad = good;
    bad[change.first] = static_cast<std::uint8_t>(change.second);
    CHECK_MESSAGE(!read_plain(bad, 33), "byte ", change.first);
  }
  Bytes lock = write_lock(LockKind::password, cheap, {});
  CHECK(read_password_lock(lock) == cheap);
  for (const std::pair<std::size_t, int>& change :
       std::vector<std::pair<std::size_t, int>>{{0, 0x10}, {0, 0x01}, {0, 0x31}, {1, 12}, {1, 31}}) {
    Bytes bad = lock;
    bad[change.first] = static_cast<std::uint8_t>(change.second);
    CHECK(!read_password_lock(bad));
  }
}

TEST_CASE("sealed: everybody sees the lock of a password and of recipients, and nothing else") {
  const Key key = Key::generate();
  const auto visible = [](Sealer sealer, float noise) {
    return find_lock(read_as(sealer.seal(some_identity(512), full, here), 1, noise), 512, full);
  };
  const auto of_password = visible(Sealer::with_password(password("p"), cheap), 0.6F);
  REQUIRE(of_password);
  CHECK(of_password->password);
  const auto of_two = visible(Sealer::for_recipients({key.public_key(), key.public_key()}), 0.6F);
  REQUIRE(of_two);
  CHECK(!of_two->password);
  CHECK(of_two->recipients == 2);
  CHECK(!visible(Sealer::with_key(key), 0));
  CHECK(!visible(Sealer::with_password(password("p"), cheap), 9));
}

TEST_CASE("sealed: to others the bits are even, and no two payloads alike") {
  const Key key = Key::generate();
  Sealer by_key = Sealer::with_key(key), by_password = Sealer::with_password(password("p"), cheap);
  const std::size_t lock_bits = layout(16384, 512, lock_size()).lock_channel;
  const auto order = channel_order(full);
  for (Sealer* sealer : {&by_key, &by_password}) {
    std::vector<int> ones(16384), differs(3);
    Bytes before;
    constexpr int count = 60;
    for (int i = 0; i < count; ++i) {
      const Bytes bits = sealer->seal(some_identity(512), full, here);  // the same person each time
      const auto sum = static_cast<double>(std::count(bits.begin(), bits.end(), 1));
      CHECK(std::abs(sum - 8192) < 6 * 64);  // 6 standard deviations
      std::size_t changed = 0;
      for (std::size_t b = lock_bits; b < bits.size() && !before.empty(); ++b) {
        changed += bits[order[b]] != before[order[b]] ? 1 : 0;
      }
      if (!before.empty()) {
        const double n = static_cast<double>(bits.size() - lock_bits);
        CHECK(std::abs(static_cast<double>(changed) - n / 2) < 3 * std::sqrt(n));  // 6 standard deviations
      }
      before = bits;
      // Who does not know the file's mask sees no code word in the body: half of the checks of the public code fail.
      std::vector<float> llr(bits.size());
      for (std::size_t b = 0; b < bits.size(); ++b) llr[b] = bits[order[b]] != 0 ? -9.0F : 9.0F;
      if (i == 0) {
        Frame frame(full, 512, lock_size());
        CHECK(!frame.body(llr, public_mask_key()));
        CHECK(frame.lock(llr, public_mask_key()).has_value() == (sealer == &by_password));  // docs/threat_model.md
      }
    }
  }
}

TEST_CASE("sealed: the eight positions left out look like exponents of floats") {
  const Bytes bits = Sealer::with_key(Key::generate()).seal(some_identity(512), floats, here);
  int usual = 0;
  for (std::size_t row = 0; row < 512; ++row) {
    std::uint32_t exponent = 0;
    for (std::size_t i = 1; i <= 8; ++i) exponent = 2 * exponent + bits[32 * row + i];
    usual += exponent >= 119 && exponent <= 128 ? 1 : 0;  // 2^-8 to 4: all but 3 in 1000 of normal values
  }
  CHECK(usual > 500);
}

TEST_CASE("sealed: many at once are sealed as one after the other, and an error of one is an error") {
  const Key key = Key::generate();
  const auto counting = [] {
    return [next = std::uint8_t{0}](std::span<std::uint8_t> bytes) mutable {
      for (std::uint8_t& b : bytes) b = next++;
    };
  };
  constexpr std::size_t count = 5, dimension = 32;
  std::vector<float> identities;
  for (unsigned i = 0; i < count; ++i) {
    const auto one = some_identity(dimension, i + 1);
    identities.insert(identities.end(), one.begin(), one.end());
  }
  const auto place = [](std::size_t i) {
    Binding binding = here;
    binding.face += static_cast<std::uint32_t>(i);
    return binding;
  };
  for (const ChannelMap map : {ChannelMap::all, ChannelMap::float_positions}) {
    const Channel channel{2048, map};
    Sealer batch = Sealer::with_key(key, counting()), single = Sealer::with_key(key, counting());
    const Bytes bits = batch.seal_all(identities, count, channel, place);
    REQUIRE(bits.size() == count * channel.bits);
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes one = single.seal(std::span(identities).subspan(i * dimension, dimension), channel, place(i));
      CHECK(std::ranges::equal(one, std::span(bits).subspan(i * channel.bits, channel.bits)));
    }
    std::vector<float> bad = identities;
    bad[3 * dimension] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(batch.seal_all(bad, count, channel, place), Error);
    CHECK_THROWS_AS(batch.seal_all(std::span(identities).first(7), count, channel, place), ShapeError);
  }
}
