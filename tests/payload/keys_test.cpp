#include "g2face/payload/keys.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "g2face/error.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

std::string text_of(const Secret& secret) { return {secret.bytes().begin(), secret.bytes().end()}; }

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t b : bytes) text += str("0123456789abcdef"[b / 16], "0123456789abcdef"[b % 16]);
  return text;
}

}  // namespace

TEST_CASE("keys: a key comes back from its file, and its halves are told apart") {
  const Key key = Key::generate(), other = Key::generate();
  CHECK(Key::parse(text_of(key.text())).text() == key.text());
  CHECK(!(key.text() == other.text()));
  CHECK(parse_public_key(to_text(key.public_key())) == key.public_key());
  CHECK(key.public_key() != other.public_key());
  CHECK(!(key.derived("a") == key.derived("b")));
  CHECK_THROWS_WITH_AS(Key::parse(to_text(key.public_key())), doctest::Contains("public key"), Error);
  CHECK_THROWS_WITH_AS(parse_public_key(text_of(key.text())), doctest::Contains("secret key"), Error);

  const std::string good = text_of(key.text());
  for (std::size_t n = 0; n + 2 < good.size(); ++n) CHECK_THROWS_AS(Key::parse(good.substr(0, n)), Error);
  for (const std::string& bad : {good + "x", " " + good, good.substr(0, 20) + "g" + good.substr(21), good + "\n"}) {
    CHECK_THROWS_AS(Key::parse(bad), Error);
  }
  CHECK_NOTHROW(Key::parse(good.substr(0, good.size() - 1)));
  try {
    Key::parse("g2face-secret-key-1 hunter2");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("hunter2") == std::string::npos);  // what is nearly a key is a secret too
  }
}

TEST_CASE("keys: what is derived from a key is pinned") {
  const Key key = Key::parse("g2face-secret-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  // BLAKE2b-256 with that key of "key" and of "box": python3 -c "import hashlib; print(hashlib.blake2b(b'key',
  // digest_size=32, key=bytes(range(32))).hexdigest())"
  CHECK_EQ(hex(key.derived("key").bytes()), "ab009b62814508b5efb499c740f85436ad07d1ee91f7a43b25f565d4108fcee8");
  CHECK_EQ(hex(key.derived("box").bytes()), "a7c1b09e64bf6255d0c1969d3797a8217eab8a2a5a60616130986abe351ad584");
}

TEST_CASE("keys: passwords cost what they shall") {
  const Secret password(std::string_view("correct horse"));
  std::array<std::uint8_t, 16> salt{};
  const PasswordCost cost{.passes = 1, .memory_log2 = 13};
  const Secret key = password_key(password, salt, cost);
  CHECK(key == password_key(password, salt, cost));
  CHECK(!(key == password_key(Secret(std::string_view("correct horsf")), salt, cost)));
  CHECK(!(key == password_key(password, salt, {.passes = 2, .memory_log2 = 13})));
  CHECK(!(key == password_key(password, salt, {.passes = 1, .memory_log2 = 14})));
  salt[15] = 1;
  CHECK(!(key == password_key(password, salt, cost)));
  CHECK_THROWS_AS(password_key(password, salt, {.passes = 0, .memory_log2 = 13}), Error);
  CHECK_THROWS_AS(password_key(password, salt, {.passes = 1, .memory_log2 = 31}), Error);
  CHECK_THROWS_AS(password_key(password, salt, {.passes = 1, .memory_log2 = 12}), Error);
}
