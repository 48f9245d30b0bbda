// The head that is written here: a proper face model, symmetric, with modes that do not fold its surface.

#include "g2face/face/builtin_head.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "face/head_surface.hpp"
#include "face/resting.hpp"
#include "g2face/models/face_model.hpp"

using namespace g2face;
using namespace g2face::face;

namespace {

const Parameters& head() {
  static const Parameters parameters = builtin_head();
  return parameters;
}
std::span<const std::int32_t> ints(const char* field) {
  return head().at(str("face_model/", field)).as<std::int32_t>();
}

/// The head with one mode.
std::vector<Vec3> shape(const char* basis = "identity", std::size_t mode = 0, double amount = 0) {
  const auto mean = head().at("face_model/mean_shape").as<float>();
  const auto modes = head().at(str("face_model/", basis)).as<float>();
  const std::size_t count = modes.size() / mean.size();
  std::vector<Vec3> points;
  for (std::size_t i = 0; i < mean.size(); i += 3) {
    const auto at = [&](std::size_t axis) { return mean[i + axis] + amount * modes[(i + axis) * count + mode]; };
    points.push_back({at(0), at(1), at(2)});
  }
  return points;
}

/// Twice the area of each triangle, with its direction.
std::vector<Vec3> areas(const std::vector<Vec3>& points) {
  const auto t = ints("triangles");
  std::vector<Vec3> result;
  for (std::size_t i = 0; i < t.size(); i += 3) {
    const auto corner = [&](std::size_t k) { return points[static_cast<std::size_t>(t[i + k])]; };
    result.push_back(cross(corner(1) - corner(0), corner(2) - corner(0)));
  }
  return result;
}

/// The share of the skin's triangles that lie the other way round, or have no area, with a mode.
double folded(const char* basis, std::size_t mode, double amount) {
  static const std::vector<Vec3> mean = areas(shape());
  const std::vector<Vec3> now = areas(shape(basis, mode, amount));
  const auto t = ints("triangles"), part = ints("part");
  double bad = 0, all = 0;
  for (std::size_t f = 0; f < mean.size(); ++f) {
    if (part[static_cast<std::size_t>(t[3 * f])] > 1) continue;
    ++all;
    if (dot(mean[f], now[f]) <= 0) ++bad;
  }
  return bad / all;
}

}  // namespace

TEST_CASE("the built-in head is a face model with names") {
  const FaceModel model = FaceModel::of(head());
  CHECK(model.vertices > 6000);
  CHECK(model.vertices < 8000);
  CHECK(model.identity == 48);
  CHECK(model.expression == 22);
  CHECK(model.texture == 0);
  CHECK(model.landmarks.size() == 68);
  CHECK(model.facts.name == "g2face-head");
  CHECK(model.facts.expression_names.size() == 22);
  CHECK(model.facts.expression_names[0] == "jawOpen");
  CHECK(head().metadata().at("identity_names").starts_with("face_width,lower_face_height,"));
  const auto part = ints("part");
  CHECK(std::set<std::int32_t>(part.begin(), part.end()) == std::set<std::int32_t>{0, 1, 2, 3, 4, 5});
  Vec3 sum;
  for (const Vec3& p : shape()) sum = sum + p;
  CHECK(length(sum) / static_cast<double>(model.vertices) < 1e-6);  // rounding of f32
}

TEST_CASE("the mean head has no triangle without area, is symmetric, and its measures are a face's") {
  const std::vector<Vec3> mean = shape();
  double least = 1;
  for (const Vec3& a : areas(mean)) least = std::min(least, length(a));
  CHECK(least > 1e-7);  // square decimetres: 0.001 square millimetres

  std::vector<Vec3> sorted = mean;
  const auto before = [](const Vec3& a, const Vec3& b) { return a.y < b.y; };
  std::sort(sorted.begin(), sorted.end(), before);
  double worst = 0;
  for (const Vec3& p : mean) {
    constexpr double near = 1e-5;
    double best = 1;
    for (auto q = std::lower_bound(sorted.begin(), sorted.end(), Vec3{0, p.y - near, 0}, before);
         q != sorted.end() && q->y < p.y + near; ++q) {
      best = std::min(best, length(*q - Vec3{-p.x, p.y, p.z}));
    }
    worst = std::max(worst, best);
  }
  CHECK(worst < 1e-5);

  const std::array<Vec3, 68> marks = resting_landmarks();  // mm
  const auto apart = [&](std::size_t i, std::size_t j) { return length(marks[i] - marks[j]); };
  CHECK(apart(36, 39) == doctest::Approx(31).epsilon(0.1));  // an eye
  CHECK(apart(39, 42) == doctest::Approx(32).epsilon(0.1));  // between the eyes
  CHECK(apart(48, 54) == doctest::Approx(51).epsilon(0.1));  // mouth
  CHECK(apart(27, 8) == doctest::Approx(118).epsilon(0.1));  // nasion to chin
  CHECK(apart(0, 16) == doctest::Approx(145).epsilon(0.1));  // across, at the ears
}

TEST_CASE("landmarks are different points of the skin, left and right in their places") {
  const auto marks = ints("landmarks"), part = ints("part");
  CHECK(std::set<std::int32_t>(marks.begin(), marks.end()).size() == 68);
  const std::array<Vec3, 68> at = resting_landmarks();
  for (const std::int32_t v : marks) CHECK(part[static_cast<std::size_t>(v)] <= 1);
  constexpr std::array<std::array<std::size_t, 2>, 10> pairs = {
      {{0, 16}, {4, 12}, {17, 26}, {21, 22}, {31, 35}, {36, 45}, {37, 44}, {41, 46}, {48, 54}, {60, 64}}};
  for (const auto& [l, r] : pairs) {
    CHECK(at[l].x < 0);
    CHECK(length(at[l] - Vec3{-at[r].x, at[r].y, at[r].z}) < 1e-6);
  }
  for (const std::size_t middle : {8u, 27u, 30u, 33u, 51u, 57u, 62u, 66u}) CHECK(std::abs(at[middle].x) < 1e-9);
}

TEST_CASE("modes fold next to nothing, at 2.5 standard deviations and at full blendshapes") {
  double worst = 0;
  for (std::size_t k = 0; k < measure_names.size(); ++k) {
    for (const double amount : {-2.5, 2.5}) {
      const double share = folded("identity", k, amount);
      if (share > 0.001) MESSAGE(measure_names[k], " ", amount, ": ", share);
      worst = std::max(worst, share);
    }
  }
  CHECK(worst < 0.004);
  worst = 0;
  for (std::size_t k = 0; k < expression_names.size(); ++k) {
    const double share = folded("expression", k, 1);
    if (share > 0.004) MESSAGE(expression_names[k], ": ", share);
    worst = std::max(worst, share);
  }
  CHECK(worst < 0.02);  // lids that close and lips that open turn their edges
}

TEST_CASE("modes are linearly independent") {
  std::vector<std::vector<double>> modes;
  for (const char* basis : {"identity", "expression"}) {
    const auto b = head().at(str("face_model/", basis)).as<float>();
    const auto count = static_cast<std::size_t>(head().at(str("face_model/", basis)).shape()[2]);
    for (std::size_t k = 0; k < count; ++k) {
      std::vector<double> mode;
      for (std::size_t i = k; i < b.size(); i += count) mode.push_back(b[i]);
      modes.push_back(mode);
    }
  }
  // What is left of each after those before it (Gram and Schmidt), as a share of its length.
  double least = 1;
  for (std::size_t k = 0; k < modes.size(); ++k) {
    const auto inner = [&](std::size_t a, std::size_t b) {
      double sum = 0;
      for (std::size_t i = 0; i < modes[a].size(); ++i) sum += modes[a][i] * modes[b][i];
      return sum;
    };
    const double before = inner(k, k);
    REQUIRE(before > 0);
    for (std::size_t j = 0; j < k; ++j) {
      const double c = inner(k, j);
      for (std::size_t i = 0; i < modes[k].size(); ++i) modes[k][i] -= c * modes[j][i];
    }
    const double after = inner(k, k);
    least = std::min(least, std::sqrt(after / before));
    for (double& v : modes[k]) v /= std::sqrt(after);
  }
  CHECK(least > 0.05);
}
