#include "g2face/payload/side.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "payload/hex.hpp"
#include "payload/side_format.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

constexpr PasswordCost cheap{.passes = 1, .memory_log2 = 13};
const char* const key_line = "g2face-secret-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const SideBinding here{.picture = {1, 2, 3}, .file = "record 7"};

std::vector<SideFace> two_faces() {
  return {{.face = 0, .box = {-3, 4, 256, 256}, .identity = {0.5F, -1.25F, 3}, .original = {0x89, 'P', 'N', 'G'}},
          {.face = 1, .box = {9, 8, 128, 128}, .identity = {2}, .original = {7}}};
}

void check_same(const std::vector<SideFace>& a, const std::vector<SideFace>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].face == b[i].face);
    CHECK(a[i].box == b[i].box);
    CHECK(a[i].identity == b[i].identity);
    CHECK(a[i].original == b[i].original);
  }
}

SideOpener by_password(std::string_view text) { return SideOpener::with_password(Secret(text)); }
SideOpener by_key(const Key& key) { return SideOpener::with_key(key.copy()); }

template <class Open>
bool refuses(Open&& open) {
  try {
    open();
    return false;
  } catch (const NotAuthentic& e) {
    return std::string_view(e.what()).find('\n') == std::string_view::npos;
  }
}

/// Every field of the format, from fixed inputs.
nlohmann::json fields() {
  nlohmann::json j;
  const Key key = Key::parse(key_line);
  SideLocks locks(counting());
  locks.add_password(Secret(std::string_view("password")), cheap);
  locks.add_key(key);
  const Bytes side = seal_side(two_faces(), "model", true, here, locks);
  const SideParts parts = read_side(side);
  const SideKeys keys =
      side_keys(Secret(from_hex("101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f")), parts.header);
  j["header"] = hex(write_side_header(parts.header));
  j["plain"] = hex(write_side_plain(two_faces()));
  j["associated_data"] = hex(side_associated_data(parts.header, here));
  j["seal_key"] = hex(keys.seal.bytes());
  j["commitment"] = hex(keys.commitment);
  j["password_nonce"] = hex(parts.locks.at(0).nonce);
  j["password_locked"] = hex(parts.locks.at(0).locked);
  j["key_nonce"] = hex(parts.locks.at(1).nonce);
  j["key_locked"] = hex(parts.locks.at(1).locked);
  j["body"] = hex(parts.body);
  j["side"] = hex(side);
  return j;
}

}  // namespace

TEST_CASE("side data: every field is as it was pinned, and what version 1 wrote is read") {
  std::ifstream file(G2FACE_TEST_DATA "/payload/side.json");
  const nlohmann::json pinned = nlohmann::json::parse(file), now = fields();
  for (const auto& field : now.items()) {
    REQUIRE_MESSAGE(pinned.contains(field.key()), field.key(), " is ", field.value().dump());
    CHECK_MESSAGE(pinned.at(field.key()) == field.value(), field.key(), " is ", field.value().dump());
  }
  const Bytes side = from_hex(pinned.at("side"));
  check_same(by_password("password").open(side, here).faces, two_faces());
  SideOpener opener = by_key(Key::parse(key_line));
  check_same(opener.open(side, here).faces, two_faces());
  // Sealed boxes draw their own randomness, so this one was made once.
  check_same(opener.open(from_hex(pinned.at("side_of_recipient")), here).faces, two_faces());
}

TEST_CASE("side data: passwords, keys and recipients open it, each alone; what all can see is what it says") {
  const Key a = Key::generate(), b = Key::generate(), stranger = Key::generate();
  SideLocks locks;
  locks.add_password(Secret(std::string_view("one")), cheap);
  locks.add_password(Secret(std::string_view("two")), cheap);
  locks.add_key(a);
  for (int i = 0; i < 20; ++i) locks.add_recipient(Key::generate().public_key());
  locks.add_recipient(b.public_key());
  const Bytes side = seal_side(two_faces(), "model", false, here, locks);
  for (const char* word : {"one", "two"}) check_same(by_password(word).open(side, here).faces, two_faces());
  for (const Key* key : {&a, &b}) check_same(by_key(*key).open(side, here).faces, two_faces());
  CHECK(refuses([&] { by_password("three").open(side, here); }));
  CHECK(refuses([&] { by_key(stranger).open(side, here); }));

  const SideInfo info = side_info(side);
  CHECK(info.version == 1);
  CHECK(info.model == "model");
  CHECK(info.exact);
  CHECK(!info.pixels);
  CHECK(info.passwords == 2);
  CHECK(info.keys == 1);
  CHECK(info.recipients == 21);
  auto without = two_faces();
  without[1].original.clear();
  CHECK(!side_info(seal_side(without, "model", false, here, locks)).exact);
  CHECK_THROWS_AS(seal_side(without, "model", false, here, SideLocks()), Error);
  CHECK_THROWS_AS(seal_side(without, std::string(256, 'x'), false, here, locks), Error);
  for (int i = 0; i < 255; ++i) locks.add_recipient(a.public_key());
  CHECK_THROWS_AS(seal_side(without, "model", false, here, locks), Error);
}

TEST_CASE("side data: of another picture or name it does not open, and locks of others do not fit") {
  const Key key = Key::generate();
  SideLocks locks;
  locks.add_key(key);
  locks.add_recipient(key.public_key());
  const Bytes one = seal_side(two_faces(), "model", false, here, locks);
  const Bytes other = seal_side(two_faces(), "model", false, here, locks);
  SideOpener opener = by_key(key);
  SideBinding elsewhere = here;
  elsewhere.picture[31] = 1;
  CHECK(refuses([&] { opener.open(one, elsewhere); }));
  elsewhere = here;
  elsewhere.file.clear();
  CHECK(refuses([&] { opener.open(one, elsewhere); }));

  const auto crossed = [&](auto change) {
    SideParts a = read_side(one);
    change(a, read_side(other));
    const Bytes side = write_side(a);
    return refuses([&] { opener.open(side, here); });
  };
  CHECK(crossed([](SideParts& a, const SideParts& b) { a.body = b.body; }));
  CHECK(crossed([](SideParts& a, const SideParts& b) { a.locks = b.locks; }));
  CHECK(crossed([](SideParts& a, const SideParts& b) { a.header.commitment = b.header.commitment; }));
  CHECK(crossed([](SideParts& a, const SideParts&) { a.header.model = "modem"; }));
  CHECK(crossed([](SideParts& a, const SideParts&) { a.header.exact = false; }));
  CHECK(crossed([](SideParts& a, const SideParts&) { a.header.pixels = true; }));
  // A lock of other side data beside one's own does no harm.
  CHECK(!crossed([](SideParts& a, const SideParts& b) { a.locks.insert(a.locks.begin(), b.locks[0]); }));
}

TEST_CASE("side data: cut, flipped or random bytes are refused, whatever they are") {
  const Key key = Key::generate();
  SideLocks locks;
  locks.add_key(key);
  const Bytes side = seal_side(two_faces(), "model", false, here, locks);
  SideOpener opener = by_key(key);
  int accepted = 0;
  for (std::size_t n = 0; n < side.size(); ++n) {
    accepted += refuses([&] { opener.open(std::span(side).first(n), here); }) ? 0 : 1;
  }
  for (std::size_t bit = 0; bit < 8 * side.size(); ++bit) {
    Bytes changed = side;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    accepted += refuses([&] { opener.open(changed, here); }) ? 0 : 1;
  }
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    Bytes changed = side;
    for (int k = 0; k < 4; ++k) changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
    if (changed == side) continue;
    changed.resize(random() % 8 == 0 ? changed.size() + random() % 9 : changed.size());
    accepted += refuses([&] { opener.open(changed, here); }) ? 0 : 1;
  }
  CHECK_EQ(accepted, 0);
  Bytes longer = side;
  longer.push_back(0);
  CHECK(refuses([&] { opener.open(longer, here); }));
}

TEST_CASE("side data: plain bytes are read as they are written, or not at all") {
  const Bytes plain = write_side_plain(two_faces());
  check_same(read_side_plain(plain).value(), two_faces());
  for (std::size_t n = 0; n < plain.size(); ++n) CHECK(!read_side_plain(std::span(plain).first(n)));
  Bytes longer = plain;
  longer.push_back(0);
  CHECK(!read_side_plain(longer));
  CHECK(read_side_plain(write_side_plain({})).value().empty());
}

TEST_CASE("side data: locks are added, replaced and destroyed while the body stays") {
  const Key old = Key::generate(), fresh = Key::generate(), third = Key::generate();
  SideLocks first, next;
  first.add_key(old);
  first.add_recipient(third.public_key());
  next.add_key(fresh);
  const Bytes side = seal_side(two_faces(), "model", false, here, first);
  const auto body = [](const Bytes& bytes) {
    const auto b = read_side(bytes).body;
    return Bytes(b.begin(), b.end());
  };
  const auto opens = [](const Key& key, const Bytes& bytes) {
    return !refuses([&] { by_key(key).open(bytes, here); });
  };
  const Bytes added = by_key(old).add_locks(side, next), replaced = by_key(old).replace_locks(side, next),
              left = by_key(old).remove_own_locks(added), none = remove_all_locks(side);
  for (const Bytes* bytes : {&added, &replaced, &left, &none}) CHECK(body(*bytes) == body(side));
  CHECK((opens(old, added) && opens(fresh, added) && opens(third, added)));
  CHECK((!opens(old, replaced) && opens(fresh, replaced) && !opens(third, replaced)));
  CHECK((!opens(old, left) && opens(fresh, left) && opens(third, left)));
  CHECK((!opens(old, none) && !opens(third, none)));
  CHECK(side_info(none).locks() == 0);
  // Who cannot open cannot change, and nobody brings an erased one back.
  CHECK(refuses([&] { by_key(fresh).add_locks(side, next); }));
  CHECK(refuses([&] { by_key(fresh).replace_locks(side, next); }));
  CHECK(refuses([&] { by_key(fresh).remove_own_locks(side); }));
  CHECK(refuses([&] { by_key(old).add_locks(none, next); }));
  CHECK_THROWS_AS(by_key(old).replace_locks(side, SideLocks()), Error);
}
