#include "g2face/payload/pseudonyms.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <set>

#include "payload/people_format.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

Key key_of(char digit) { return Key::parse("g2face-secret-key-1 " + std::string(64, digit)); }

const std::vector<float> ann{3, 0, 4}, ann_again{3, 0.5F, 4}, bob{-1, 2, 0}, nobody{0, 0, 0};

Random zeros() {
  return [](std::span<std::uint8_t> bytes) { std::fill(bytes.begin(), bytes.end(), std::uint8_t{0}); };
}

}  // namespace

TEST_CASE("pseudonyms: one person is one person, in this project") {
  Pseudonyms people(key_of('1'), "model", 0.9);
  CHECK(!people.find(ann));
  CHECK(people.add(ann) == 0);
  CHECK(people.add(bob) == 1);
  CHECK(people.find(ann_again) == 0);
  CHECK(people.find(bob) == 1);
  CHECK(!people.find(std::vector<float>{0, 1, 0}));  // as like bob as 0.894
  CHECK_THROWS_AS(people.find(nobody), Error);
  CHECK_THROWS_AS(people.find(std::vector<float>{1, 2}), ShapeError);
  CHECK_THROWS_AS(people.add(std::vector<float>{1, 2}), ShapeError);

  std::set<std::uint64_t> seeds;
  for (const std::size_t person : {0U, 1U}) {
    for (const std::uint32_t draw : {0U, 1U, 2U}) seeds.insert(people.seed(person, draw));
  }
  CHECK(seeds.size() == 6);
  CHECK(*seeds.rbegin() < (std::uint64_t{1} << 53));
}

TEST_CASE("pseudonyms: the same person has unrelated ones under two keys") {
  Pseudonyms a(key_of('1'), "model", 0.9), b(key_of('2'), "model", 0.9), again(key_of('1'), "model", 0.9);
  for (Pseudonyms* people : {&a, &b, &again}) people->add(ann, zeros());
  CHECK(a.seed(0, 0) == again.seed(0, 0));
  CHECK(a.seed(0, 0) != b.seed(0, 0));
  CHECK(a.seed(0, 0) == 0x5fc7ece1460af);  // pinned: pictures of years depend on it
}

TEST_CASE("pseudonyms: a gallery comes back with its key and model, and with nothing else") {
  Pseudonyms people(key_of('1'), "model", 0.9);
  const auto empty = people.bytes();
  CHECK(Pseudonyms(key_of('1'), "model", 0.9, empty).size() == 0);
  people.add(ann);
  people.add(bob);
  people.take(1, 7);
  const auto bytes = people.bytes();
  CHECK(bytes != people.bytes());  // another nonce each time
  const Pseudonyms back(key_of('1'), "model", 0.9, bytes);
  CHECK(back.size() == 2);
  CHECK(back.find(ann_again) == 0);
  CHECK(back.draw(1) == 7);
  CHECK(back.seed(1, 7) == people.seed(1, 7));

  CHECK_THROWS_AS(Pseudonyms(key_of('2'), "model", 0.9, bytes), NotAuthentic);
  CHECK_THROWS_AS(Pseudonyms(key_of('1'), "other", 0.9, bytes), NotAuthentic);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CHECK_THROWS_AS(Pseudonyms(key_of('1'), "model", 0.9, std::span(bytes).first(n)), NotAuthentic);
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 5) {
    auto changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    CHECK_THROWS_AS(Pseudonyms(key_of('1'), "model", 0.9, changed), NotAuthentic);
  }
}

TEST_CASE("pseudonyms: the bytes of a gallery are pinned, and nothing else is read") {
  GalleryPerson person{.name = {}, .draw = 0x01020304, .identity = {1, -0.5F}};
  for (std::size_t i = 0; i < person.name.size(); ++i) person.name[i] = static_cast<std::uint8_t>(0xa0 + i);
  const Bytes expected = {2,    0,    0,    0,    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6,
                          0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 4,    3,
                          2,    1,    0,    0,    0x80, 0x3f, 0,    0,    0,    0xbf};
  const Bytes bytes = write_people({{person}});
  CHECK(bytes == expected);
  const auto back = read_people(bytes);
  REQUIRE(back);
  REQUIRE(back->size() == 1);
  CHECK(back->front().name == person.name);
  CHECK(back->front().draw == person.draw);
  CHECK(back->front().identity == person.identity);
  CHECK(read_people(Bytes{0, 0, 0, 0})->empty());

  for (std::size_t n = 0; n < bytes.size(); ++n) CHECK(!read_people(std::span(bytes).first(n)));
  Bytes longer = bytes;
  longer.push_back(0);
  CHECK(!read_people(longer));
  Bytes wide = bytes;  // 2^32 - 1 values each
  std::fill_n(wide.begin(), 4, std::uint8_t{0xff});
  CHECK(!read_people(wide));
  person.identity[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(!read_people(write_people({{person}})));
}
