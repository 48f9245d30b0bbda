#include "g2face/distributed/communicator.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "distributed/run_ranks.hpp"
#include "g2face/error.hpp"

using namespace g2face;

TEST_CASE("communicator: sums are those of doubles, rounded once, the same bits on every rank") {
  // Around the size from which each rank adds a part of its own, and sizes that ranks do not divide.
  for (const int ranks : {1, 2, 3, 5}) {
    for (const std::size_t n :
         {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{1023}, std::size_t{1025}, std::size_t{4099}}) {
      const auto value = [](int r, std::size_t i) {
        return std::sin(static_cast<float>(i) + 1.7f * static_cast<float>(r)) * (r == 1 ? 1e4f : 1.f);
      };
      std::vector<std::vector<float>> results(static_cast<std::size_t>(ranks), std::vector<float>(n));
      test::run_ranks(ranks, [&](const std::shared_ptr<Communicator>& c) {
        std::vector<float>& own = results[static_cast<std::size_t>(c->rank())];
        for (std::size_t i = 0; i < n; ++i) own[i] = value(c->rank(), i);
        c->all_reduce(std::span(own));
      });
      for (std::size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (int r = 0; r < ranks; ++r) sum += value(r, i);
        for (const auto& own : results) REQUIRE(own[i] == static_cast<float>(sum));
      }
    }
  }
}

TEST_CASE("communicator: reductions in the background keep their order") {
  test::run_ranks(2, [](const std::shared_ptr<Communicator>& c) {
    const auto filled = [](std::size_t n, float value) {
      const std::shared_ptr<float> values(new float[n], std::default_delete<float[]>());
      std::fill_n(values.get(), n, value);
      return values;
    };
    const std::shared_ptr<float> a = filled(5000, 1), b = filled(10, 2);
    const Communicator::Ticket first = c->start_all_reduce(a, 5000), second = c->start_all_reduce(b, 10);
    std::vector<double> between = {static_cast<double>(c->rank())};
    c->all_reduce(std::span(between));
    c->wait(second);
    c->wait(first);
    const bool right = a.get()[0] == 2 && a.get()[4999] == 2 && b.get()[9] == 4 && between[0] == 1;
    check<Error>(right, "wrong sums");
  });
}

TEST_CASE("communicator: ranks can tell whether they agree") {
  test::run_ranks(3, [](const std::shared_ptr<Communicator>& c) {
    check<Error>(c->agree("the same"), "they did agree");
    check<Error>(!c->agree(c->rank() == 2 ? "another" : "one"), "they did not agree");
  });
}

TEST_CASE("communicator: when a rank goes, the others are told") {
  const auto failing = [](const std::shared_ptr<Communicator>& c) {
    check<Error>(c->rank() != 1, "this one fails");
    c->barrier();
  };
  CHECK_THROWS_WITH_AS(test::run_ranks(2, failing), "this one fails", Error);
}

TEST_CASE("communicator: shares of a batch") {
  CHECK(share_of(6, nullptr) == Share{0, 6});
  const auto ranks = thread_ranks(3);
  CHECK(share_of(6, ranks[2]) == Share{4, 2});
  CHECK_THROWS_WITH_AS(share_of(8, ranks[0]), doctest::Contains("a batch of 8 images cannot be shared equally by 3"),
                       Error);
}
