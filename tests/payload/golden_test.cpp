// The format, byte for byte, as tests/golden/payload/sealed.json pins it: what this version writes is what the first
// one wrote, and what the first one wrote is read.

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "payload/format.hpp"
#include "payload/hex.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

/// Values that every float holds exactly.
std::vector<float> identity(std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 16;
  return x;
}

const Binding here{.model = "model", .face = 1, .box = {0, -1, 256, 256}, .file = "file"};
const char* const key_line = "g2face-secret-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Every field of the format, from fixed inputs.
nlohmann::json fields() {
  nlohmann::json j;
  const Key key = Key::parse(key_line);
  const Quantised q = quantise(identity(32), 6);
  const Bytes plain = write_plain(q);
  std::array<std::uint8_t, 24> salt{};
  std::iota(salt.begin(), salt.end(), std::uint8_t{0});
  const PasswordCost cost{.passes = 1, .memory_log2 = 13};
  const Bytes lock = write_lock(LockKind::key, cost, salt);
  const Bytes password_lock = write_lock(LockKind::password, cost, salt);
  const FileKeys keys = file_keys(key.derived("key"), lock);
  j["packed_levels"] = hex(pack_levels(q));
  j["plain"] = hex(plain);
  j["associated_data"] = hex(associated_data(here));
  j["lock_of_key"] = hex(lock);
  j["lock_of_password"] = hex(password_lock);
  j["password_key"] = hex(password_key(Secret(std::string_view("password")), {1, 2, 3}, cost).bytes());
  j["public_key"] = hex(key.public_key());
  j["seal_key"] = hex(keys.seal());
  j["mask_key"] = hex(keys.mask());
  j["nonce"] = hex(keys.nonce);
  j["body"] = hex(seal_body(keys, plain, here));
  j["public_mask_key"] = hex(public_mask_key());
  Bytes zeros(64);
  mask(zeros, public_mask_key());
  j["public_mask_begins"] = hex(to_bytes(zeros));
  auto order = channel_order({.bits = 1024, .map = ChannelMap::float_positions});
  order.resize(16);
  j["order_begins"] = order;
  Bytes data(64);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = i * i % 7 % 2;
  j["code_words"] = {hex(to_bytes(Ldpc(64, 96).encode(data))), hex(to_bytes(Ldpc(64, 128).encode(data))),
                     hex(to_bytes(Ldpc(64, 400).encode(data)))};
  const Channel small{.bits = 1024};
  j["bits_of_key"] = hex(to_bytes(Sealer::with_key(key, counting()).seal(identity(32), small, here)));
  Sealer by_password = Sealer::with_password(Secret(std::string_view("password")), cost, counting());
  j["bits_of_password"] = hex(to_bytes(by_password.seal(identity(32), small, here)));
  return j;
}

std::vector<float> logits_of(const Bytes& bytes) {
  std::vector<float> z;
  for (const std::uint8_t b : to_bits(bytes)) z.push_back(b != 0 ? 3.0F : -3.0F);
  return z;
}

}  // namespace

TEST_CASE("payload format: every field is as it was pinned") {
  std::ifstream file(G2FACE_TEST_DATA "/payload/sealed.json");
  const nlohmann::json pinned = nlohmann::json::parse(file);
  const nlohmann::json now = fields();
  for (const auto& field : now.items()) {
    REQUIRE_MESSAGE(pinned.contains(field.key()), field.key());
    CHECK_MESSAGE(pinned.at(field.key()) == field.value(), field.key(), " is ", field.value().dump());
  }
}

TEST_CASE("payload format: what version 1 wrote is read") {
  std::ifstream file(G2FACE_TEST_DATA "/payload/sealed.json");
  const nlohmann::json pinned = nlohmann::json::parse(file);
  const std::vector<float> expected = dequantise(quantise(identity(32), 6));
  const auto bits = [&](const char* name) { return logits_of(from_hex(pinned.at(name))); };
  Opener by_key = Opener::with_key(Key::parse(key_line));
  Opener by_password = Opener::with_password(Secret(std::string_view("password")));
  CHECK(by_key.open(bits("bits_of_key"), 32, {.bits = 1024}, here).identity == expected);
  CHECK(by_password.open(bits("bits_of_password"), 32, {.bits = 1024}, here).identity == expected);
  // Sealed boxes draw their own randomness, so this one was made once.
  CHECK(by_key.open(bits("bits_of_recipient"), 32, {.bits = 4096}, here).identity == expected);
}
