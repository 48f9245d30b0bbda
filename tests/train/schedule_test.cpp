#include "g2face/train/schedule.hpp"

#include <doctest/doctest.h>

#include "g2face/error.hpp"

using namespace g2face;

TEST_CASE("schedule: warm-up, one epoch at the full rate, decay") {
  const Schedule s{.warm_up = 4, .gamma = 0.5};
  CHECK(s.factor(0) == 0);
  CHECK(s.factor(1) == 0.25);
  CHECK(s.factor(4) == 1);
  CHECK(s.factor(5) == 1);
  CHECK(s.factor(6) == 0.5);
  CHECK(s.factor(8) == 0.125);
  CHECK(s.printed_factor(3) == 0.75);
  CHECK(s.printed_factor(5) == 1);
  CHECK(s.printed_factor(6) == 0.25);
  CHECK_THROWS_WITH_AS(s.factor(-1), "schedule: epoch -1 is before the first, which is 1", Error);
}

TEST_CASE("schedule: without a warm-up the first epoch has the full rate") {
  const Schedule s{.warm_up = 0, .gamma = 0.5};
  CHECK(s.factor(1) == 1);
  CHECK(s.factor(2) == 0.5);
  CHECK_THROWS_AS(s.factor(0), Error);
}
