#include "face/openness.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "face/hair_shell.hpp"
#include "face/picture.hpp"
#include "face/resting.hpp"

using namespace g2face::face;

namespace {

constexpr int sides = 24;

/// Openness of a profile (radius, height) turned about the vertical axis, at its points; decimetres.
std::vector<double> openness_of_profile(const std::vector<std::array<double, 2>>& profile) {
  std::vector<Vec3> points;
  Triangles triangles;
  for (const auto& [radius, height] : profile) {
    for (int j = 0; j < sides; ++j) {
      const double angle = 2 * pi * j / sides;
      points.push_back({radius * exact_sin(angle), height, radius * exact_cos(angle)});
    }
  }
  for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(profile.size()); ++i) {
    for (std::int32_t j = 0; j < sides; ++j) {
      const std::int32_t a = i * sides + j, b = i * sides + (j + 1) % sides, c = a + sides, d = b + sides;
      triangles.push_back({a, b, d});
      triangles.push_back({a, d, c});
    }
  }
  const std::vector<double> open = openness_of(points, vertex_normals(points, triangles), triangles, 1);
  std::vector<double> result;
  for (std::size_t i = 0; i < profile.size(); ++i) result.push_back(open[i * sides]);
  return result;
}

}  // namespace

TEST_CASE("a ball is open all over") {
  std::vector<std::array<double, 2>> profile;
  for (int i = 0; i <= 16; ++i) {
    const double angle = 0.02 + (pi - 0.04) * i / 16;
    profile.push_back({0.8 * exact_sin(angle), -0.8 * exact_cos(angle)});
  }
  const std::vector<double> open = openness_of_profile(profile);
  CHECK(*std::ranges::min_element(open) > 0.97);  // a direction along the surface may be hidden by it
}

TEST_CASE("a cup is dark inside, as deep as it is") {
  const std::vector<double> open = openness_of_profile({{0.02, -0.5},
                                                        {0.3, -0.5},
                                                        {0.3, 0},
                                                        {0.3, 0.5},
                                                        {0.25, 0.55},
                                                        {0.2, 0.5},
                                                        {0.2, 0.3},
                                                        {0.2, 0},
                                                        {0.2, -0.4},
                                                        {0.1, -0.42},
                                                        {0.02, -0.42}});
  CHECK(open[2] > 0.97);
  CHECK(open[4] > 0.9);
  // Its mouth takes sin^2 of 11.6 degrees of the sky: 0.04. The 128 directions are 18 degrees apart.
  CHECK(open[10] < 0.1);
  CHECK(open[6] > open[7]);
  CHECK(open[7] > open[8]);
}

TEST_CASE("a skull is laid on the head at rest; face and ears stay") {
  std::vector<Vec3> points = {{0, 140, -5}, {0, 70, -5}, {0, -60, 95}, {30, 0, 85}, {80, -16, -15}};
  const std::vector<Vec3> before = points;
  lay_skull_on_resting_head(points);
  CHECK(points[0].y == doctest::Approx(115).epsilon(0.01));
  CHECK(points[1].y == doctest::Approx(115).epsilon(0.01));
  for (std::size_t i = 2; i < points.size(); ++i) CHECK(length(points[i] - before[i]) == 0);

  // The head itself is there already, but for the forehead's relief.
  std::vector<Vec3> own;
  for (const Vec3& p : hair_shell().resting) {
    if (p.y > 40) own.push_back(p);
  }
  std::vector<Vec3> laid = own;
  lay_skull_on_resting_head(laid);
  double worst = 0;
  for (std::size_t i = 0; i < own.size(); ++i) worst = std::max(worst, length(laid[i] - own[i]));
  CHECK(worst < 3);  // mm
}
