#include "g2face/train/sampler.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "g2face/error.hpp"

using namespace g2face;

TEST_CASE("sampler: an order is a permutation, another one for each seed and epoch") {
  std::set<std::vector<std::int64_t>> orders;
  for (const std::uint64_t seed : {0u, 1u}) {
    for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
      std::vector<std::int64_t> order = shuffled(101, seed, epoch);
      CHECK(order == shuffled(101, seed, epoch));
      orders.insert(order);
      std::sort(order.begin(), order.end());
      for (std::int64_t i = 0; i < 101; ++i) CHECK(order.at(static_cast<std::size_t>(i)) == i);
    }
  }
  CHECK(orders.size() == 10);
}

TEST_CASE("sampler: orders stay what they were, since stopped trainings go on with them") {
  CHECK(shuffled(8, 1, 0) == std::vector<std::int64_t>{0, 1, 4, 3, 6, 2, 7, 5});
  CHECK(shuffled(8, 1, 1) == std::vector<std::int64_t>{3, 2, 6, 0, 1, 4, 5, 7});
  Sampler sampler(8, 1, true);
  std::string mirrored;
  for (std::int64_t p = 0; p < 16; ++p) mirrored += sampler.at(p).mirrored ? 'm' : '.';
  CHECK(mirrored == "mm.mmm..m..mmmm.");
}

TEST_CASE("sampler: every order of four is about as likely, and so is mirroring") {
  std::vector<int> at_first(4), at_last(4);
  for (std::int64_t epoch = 0; epoch < 4000; ++epoch) {
    const auto order = shuffled(4, 7, epoch);
    ++at_first[static_cast<std::size_t>(order.front())];
    ++at_last[static_cast<std::size_t>(order.back())];
  }
  // 1000 of 4000 are expected; the standard deviation is 27.
  for (const int n : at_first) CHECK(std::abs(n - 1000) < 120);
  for (const int n : at_last) CHECK(std::abs(n - 1000) < 120);
  Sampler sampler(10, 7, true);
  int mirrored = 0;
  std::vector<int> of_image(10);
  for (std::int64_t p = 0; p < 4000; ++p) {
    const Sampler::Pick pick = sampler.at(p);
    mirrored += pick.mirrored;
    of_image[static_cast<std::size_t>(pick.index)] += pick.mirrored;
  }
  CHECK(std::abs(mirrored - 2000) < 140);                      // deviation 32
  for (const int n : of_image) CHECK(std::abs(n - 200) < 45);  // deviation 10
}

TEST_CASE("sampler: a pick depends on its position alone") {
  Sampler forwards(7, 3, true), backwards(7, 3, true), plain(7, 3, false);
  std::vector<Sampler::Pick> picks;
  for (std::int64_t p = 0; p < 50; ++p) picks.push_back(forwards.at(p));
  for (std::int64_t p = 49; p >= 0; --p) {
    CHECK(backwards.at(p) == picks[static_cast<std::size_t>(p)]);
    CHECK(plain.at(p) == Sampler::Pick{picks[static_cast<std::size_t>(p)].index, false});
  }
  CHECK(Sampler(1, 0, false).at(std::int64_t{1} << 40).index == 0);
}

TEST_CASE("sampler: refusals") {
  CHECK_THROWS_WITH_AS(Sampler(0, 0, true), "sampler: 0 images, expected one at least", Error);
  CHECK_THROWS_WITH_AS(Sampler(3, 0, true).at(-1), "sampler: position -1 is before the first, which is 0", Error);
}
