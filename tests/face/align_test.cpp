// Transforms from landmarks: what is exact, what they are equivariant to, which points say nothing.

#include "g2face/face/align.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <random>

using namespace g2face;

namespace {

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

double distance(Point a, Point b) { return std::hypot(a.x - b.x, a.y - b.y); }

double largest_difference(const Affine& a, const Affine& b) {
  double largest = 0;
  for (const double d : {a.xx - b.xx, a.xy - b.xy, a.x0 - b.x0, a.yx - b.yx, a.yy - b.yy, a.y0 - b.y0})
    largest = std::max(largest, std::fabs(d));
  return largest;
}

Affine turn(double degrees, double scale, Point shift = {}) {
  const double angle = degrees * std::numbers::pi / 180;
  return Affine::similarity(scale * std::cos(angle), scale * std::sin(angle), shift.x, shift.y);
}

FivePoints moved(const FivePoints& points, const Affine& by) {
  FivePoints to;
  std::transform(points.begin(), points.end(), to.begin(), by);
  return to;
}

/// A face looking a little to the side, at no special place.
const FivePoints face = {{{101.2, 80.5}, {148.9, 84.25}, {131.0, 110.5}, {104.5, 139.75}, {141.0, 142.0}}};

std::vector<Point> face_of_68() {
  std::vector<Point> points;
  for (int i = 0; i < 68; ++i) points.push_back({100.0 + 3.5 * i, 50.0 + 0.125 * i * i});
  return points;
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing thrown";
}

void refused(const std::function<void()>& f, const char* words) {
  const std::string message = message_of(f);
  CAPTURE(message);
  CHECK(message.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("transforms: inverse and composition are exact to rounding, shifts exact") {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> entry(-3, 3), far(-2000, 2000);
  for (int i = 0; i < 200; ++i) {
    Affine a = turn(entry(random) * 60, std::exp(entry(random)), {far(random), far(random)});
    if (i % 2) a.xy += 0.25 * a.xx;  // also sheared
    const Point p{far(random), far(random)};
    // Relative to what the numbers are made of: the coordinates and, seen from the other side, the shift.
    const double size = 2000 + std::hypot(a.inverse().x0, a.inverse().y0);
    CHECK(distance(a.inverse()(a(p)), p) < 1e-12 * size);
    CHECK(distance((a.inverse() * a)(p), p) < 1e-12 * size);
    const Affine b = turn(entry(random) * 60, 0.5, {far(random), 3});
    CHECK(distance((a * b)(p), a(b(p))) < 1e-12 * (1 + distance(a(b(p)), {})));
  }
  CHECK(Affine::shift(17, -4).inverse() == Affine::shift(-17, 4));
  CHECK(Affine{}.inverse() == Affine{});
  CHECK(Affine{2, 0, 10, 0, 4, 20}.inverse() == Affine{0.5, 0, -5, 0, 0.25, -5});
  CHECK(Affine{2, 0, 10, 0, 4, 20}.str() == "[2,0,10; 0,4,20]");
  refused([] { (void)Affine{1, 2, 0, 2, 4, 0}.inverse(); }, "[1,2,0; 2,4,0] has no inverse: its determinant is 0");
  refused([] { (void)Affine{no_number, 0, 0, 0, 1, 0}.inverse(); }, "no inverse");
  refused([] { (void)Affine{1, 0, infinity, 0, 1, 0}.inverse(); }, "no inverse");
}

TEST_CASE("fit_similarity: finds the transform that made the points, and the best one for others") {
  for (const double degrees : {0.0, 33.0, -90.0, 179.0}) {
    const Affine t = turn(degrees, 0.75, {-31, 250});
    CHECK(largest_difference(fit_similarity(face, moved(face, t)), t) < 1e-12 * 250);
  }
  // No small change of any of the four numbers makes the sum of squares less.
  const auto squares = [](const Affine& t) {
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const double d = distance(t(face[i]), arcface_template()[i]);
      sum += d * d;
    }
    return sum;
  };
  const Affine best = fit_similarity(face, arcface_template());
  for (const double step : {-1e-4, 1e-4})
    for (const auto& [a, b, x, y] : {std::array{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}})
      CHECK(squares(Affine::similarity(best.xx + step * a, best.yx + step * b, best.x0 + 100 * step * x,
                                       best.y0 + 100 * step * y)) > squares(best));
  // Never a reflection: of a mirrored face it turns as well as it can.
  const Affine mirror{-1, 0, 200, 0, 1, 0};
  CHECK(fit_similarity(moved(face, mirror), face).determinant() > 0);
}

TEST_CASE("fit_similarity and arcface_transform: as an independent program found them") {
  std::ifstream file(G2FACE_TEST_DATA "/face/alignment.json");
  const nlohmann::json recorded = nlohmann::json::parse(file);
  const auto points = [](const nlohmann::json& rows) {
    FivePoints p;
    for (std::size_t i = 0; i < 5; ++i) p[i] = {rows.at(i).at(0), rows.at(i).at(1)};
    return p;
  };
  CHECK(points(recorded.at("template_112")) == arcface_template());
  REQUIRE(recorded.at("faces").size() == 2);
  for (const nlohmann::json& f : recorded.at("faces")) {
    const FivePoints at_512 = moved(points(f.at("landmarks_256")), {2, 0, 0.5, 0, 2, 0.5});
    const nlohmann::json& m = f.at("similarity_512_to_112");
    const Affine want{m[0][0], m[0][1], m[0][2], m[1][0], m[1][1], m[1][2]};
    CHECK(largest_difference(arcface_transform(at_512), want) < 1e-11);  // of shifts of 90
  }
}

TEST_CASE("aligned crops follow a face that is moved, turned and resized") {
  const Affine t = turn(-25, 1.75, {40, -12});
  for (const auto& align : {+[](const FivePoints& p) { return arcface_transform(p, 112); },
                            +[](const FivePoints& p) { return arcface_transform(p, 256); },
                            +[](const FivePoints& p) { return ffhq_transform(p, 256); }}) {
    const Affine plain = align(face), of_moved = align(moved(face, t));
    CHECK(largest_difference(of_moved * t, plain) < 1e-10);
  }
  // Another size shows the same: corners stay corners.
  const Affine small = arcface_transform(face, 112), large = arcface_transform(face, 448);
  const Point corner = small.inverse()({-0.5, 111.5});
  CHECK(distance(large(corner), {-0.5, 447.5}) < 1e-10);
}

TEST_CASE("ffhq_transform: the square of the recipe, whichever distance is longer") {
  // Upright: eyes at (40,50) and (60,50), mouth 30 below. 2 * 20 < 1.8 * 30 = 54, so the square is 108 wide, around
  // (50, 50 + 3).
  const FivePoints upright = {{{40, 50}, {60, 50}, {50, 65}, {44, 80}, {56, 80}}};
  const Affine t = ffhq_transform(upright, 256);
  CHECK(distance(t({50 - 54, 53 - 54}), {-0.5, -0.5}) < 1e-10);
  CHECK(distance(t({50 + 54, 53 + 54}), {255.5, 255.5}) < 1e-10);
  // Eyes 40 apart win: 80 to each side.
  const FivePoints wide = {{{30, 50}, {70, 50}, {50, 65}, {44, 80}, {56, 80}}};
  CHECK(distance(ffhq_transform(wide, 64)({50 + 80, 53 - 80}), {63.5, -0.5}) < 1e-10);

  std::vector<Point> points = face_of_68();
  const FivePoints five = ffhq_of_68(points);
  CHECK(distance(five[0], {100 + 3.5 * 38.5, 50 + 0.125 * (38.5 * 38.5 + 35.0 / 12)}) < 1e-10);
  CHECK(five[3] == points[48]);
  CHECK(five_of_68(points)[1] == Point{(points[42].x + points[45].x) / 2, (points[42].y + points[45].y) / 2});
}

TEST_CASE("the reference's pose: a camera without perspective is found again") {
  // x and y of a turned model, seen from the front; with y up.
  const double turned = 0.4, scale = 87;
  FivePoints seen;
  for (std::size_t i = 0; i < 5; ++i) {
    const Point3 p = reference_face()[i];
    seen[i] = {scale * (std::cos(turned) * p.x + std::sin(turned) * p.z) + 130, scale * p.y + 90};
  }
  const Pose pose = fit_pose(seen);
  CHECK(pose.scale == doctest::Approx(scale).epsilon(1e-12));
  CHECK(distance(pose.translation, {130, 90}) < 1e-10);

  // The model's origin comes to the middle of the crop, to within what is truncated.
  FivePoints down = seen;
  for (Point& p : down) p.y = 255 - p.y;
  const ReferenceAlignment a = reference_alignment(down, 256, 256);
  CHECK(a.scale == doctest::Approx(102 / scale).epsilon(1e-12));
  CHECK(distance(a.transform()({130, 255 - 90}), {111.5, 111.5}) < 2);
  for (const Point p : down) CHECK(distance(a.transform()(p), a.landmark_transform()(p)) < 2);
}

TEST_CASE("reference_crop: black outside, and the pixels that transform() says") {
  Tensor photo = Tensor::full({DType::f32, {1, 3, 20, 30}}, 1);
  const ReferenceAlignment a = reference_alignment_at({0, 19}, 1, 30, 20, 16);  // about the photo's first pixel
  CHECK(a.width == 30);
  CHECK(a.left == -8);
  CHECK(a.top == -7);  // 10 - 8 + (10 - 19), towards 0
  const Tensor crop = reference_crop(photo, a);
  for (std::int64_t y = 0; y < 16; ++y)
    for (std::int64_t x = 0; x < 16; ++x) {
      const Point p = a.transform().inverse()({static_cast<double>(x), static_cast<double>(y)});
      CHECK(crop.as<float>()[static_cast<std::size_t>(16 * y + x)] == (p.x >= 0 && p.y >= 0 ? 1.0f : -1.0f));
    }
  const Tensor beside = reference_crop(photo, reference_alignment_at({900, 19}, 1, 30, 20, 16));
  for (const float v : beside.as<float>()) CHECK(v == -1.0f);
  CHECK_THROWS_AS((void)reference_crop(Tensor::zeros({DType::f32, {1, 3, 30, 20}}), a), ShapeError);
  CHECK_THROWS_AS((void)reference_crop(Tensor(), a), ShapeError);
}

TEST_CASE("points that say nothing are refused by name") {
  const FivePoints one = {{{7, 5}, {7, 5}, {7, 5}, {7, 5}, {7, 5}}};
  FivePoints broken = face;
  broken[3].y = no_number;
  const auto of = [](FivePoints p) { return [p] { (void)arcface_transform(p); }; };
  refused(of(one), "all points to start from are (7,5)");
  refused(of(broken), "point 3 is (104.5,nan)");
  refused([&] { (void)fit_similarity(face, one); }, "all points to reach are (7,5)");
  refused([&] { (void)fit_similarity(std::span(face).first(1), std::span(face).first(1)); }, "1 points to 1");
  refused([&] { (void)fit_similarity(face, std::span(face).first(4)); }, "5 points to 4");
  const FivePoints square = {{{-1, -1}, {1, -1}, {0, 0}, {-1, 1}, {1, 1}}};
  refused([&] { (void)fit_similarity(square, moved(square, {-1, 0, 0, 0, 1, 0})); }, "no rotation");

  refused([&] { (void)ffhq_transform(one, 64); }, "do not say which way is up");
  refused([&] { (void)ffhq_transform({{{40, 80}, {60, 80}, {50, 70}, {45, 60}, {55, 60}}}, 64); }, "which way is up");
  refused([&] { (void)ffhq_transform(broken, 64); }, "point 3");
  refused([&] { (void)ffhq_transform(face, 0); }, "size is 0");
  refused([&] { (void)arcface_template(-1); }, "size is -1");

  refused([&] { (void)fit_pose(one); }, "all points are (7,5)");
  refused([&] { (void)fit_pose(broken); }, "point 3");
  std::array<Point3, 5> flat = reference_face();
  for (Point3& p : flat) p.z = 0.5 * p.x - 0.25 * p.y;
  refused([&] { (void)fit_pose(face, flat); }, "in one plane");
  flat[0].x = no_number;
  refused([&] { (void)fit_pose(face, flat); }, "not finite");

  refused([&] { (void)reference_alignment(moved(face, Affine::shift(5000, 0)), 256, 256); },
          "landmark 0 at (5101.2,80.5)");
  refused([&] { (void)reference_alignment(broken, 256, 256); }, "landmark 3");
  refused([&] { (void)reference_alignment_at({0, 0}, no_number, 256, 256); }, "positive scale");
  refused([&] { (void)reference_alignment_at({0, 0}, 1e-3, 256, 256); }, "would be 0x0");
  refused([&] { (void)reference_alignment_at({0, 0}, 1e6, 256, 256); }, "pixels");
  refused([&] { (void)reference_alignment_at({1e300, 0}, 1, 256, 256); }, "the crop would start at");
  refused([&] { (void)reference_alignment_at({0, 0}, 1, 0, 256); }, "0x256");
  refused([&] { (void)five_of_68(face); }, "5 landmarks, expected 68");
}
