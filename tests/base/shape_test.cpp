#include "g2face/shape.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "g2face/error.hpp"

using namespace g2face;

TEST_CASE("shape: extents, axes and text") {
  const Shape s{8, 3, 256, 128};
  CHECK(s.rank() == 4);
  CHECK(s.numel() == 8 * 3 * 256 * 128);
  CHECK(s[0] == 8);
  CHECK(s[-1] == 128);
  CHECK(s.str() == "[8,3,256,128]");
  CHECK(s.with(-1, 7) == Shape{8, 3, 256, 7});
  CHECK(s != Shape{8, 3, 256});
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{}.str() == "[]");
  CHECK_THROWS_AS(s[4], ShapeError);
  CHECK_THROWS_AS(s[-5], ShapeError);
  CHECK_THROWS_AS(s.with(4, 1), ShapeError);
  CHECK_THROWS_AS(s.with(0, -1), ShapeError);
}

TEST_CASE("shape: refuses what cannot be counted") {
  constexpr std::int64_t big = std::int64_t{1} << 32;
  CHECK_THROWS_AS((Shape{big, big}), ShapeError);
  CHECK_THROWS_AS((Shape{std::int64_t{1} << 62, 2}), ShapeError);
  CHECK((Shape{std::int64_t{1} << 61, 2}).numel() == std::int64_t{1} << 62);
  CHECK((Shape{big, big, 0}).numel() == 0);
  CHECK_THROWS_WITH((Shape{2, -1}), "shape [2,-1]: -1 is negative");
  CHECK_THROWS_AS(Shape(std::vector<std::int64_t>(9, 1)), ShapeError);
  CHECK(Shape(std::vector<std::int64_t>(8, 1)).rank() == 8);
}

TEST_CASE("shape: broadcasting") {
  CHECK(broadcast_shapes({8, 1, 6, 1}, {7, 1, 5}) == Shape{8, 7, 6, 5});
  CHECK(broadcast_shapes({}, {2, 3}) == Shape{2, 3});
  CHECK(broadcast_shapes({0, 1}, {1, 4}) == Shape{0, 4});
  CHECK_THROWS_WITH_AS(broadcast_shapes({2, 3}, {2, 4}), "shapes [2,3] and [2,4] do not broadcast: axis -1 is 3 and 4",
                       ShapeError);
}
