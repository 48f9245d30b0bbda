// Synthetic faces: the same bits again, and labels that are true.

#include "g2face/face/synth.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "evaluate.hpp"
#include "face/people.hpp"
#include "face/resting.hpp"
#include "g2face/face/align.hpp"
#include "g2face/face/builtin_head.hpp"
#include "g2face/models/face_model.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
using namespace g2face::face;

namespace {

const Parameters& head() {
  static const Parameters parameters = builtin_head();
  return parameters;
}
const Synthesizer& synthesizer() {
  static const Synthesizer one(head());
  return one;
}
SyntheticFace draw(std::uint64_t picture, std::uint64_t seed = 5) {
  return synthesizer().draw({.seed = seed, .person = picture / 2, .picture = picture, .size = 64});
}
bool same(const Tensor& a, const Tensor& b) { return std::ranges::equal(a.as<float>(), b.as<float>()); }

Tensor row(const std::vector<double>& values) {
  Tensor t({DType::f64, {1, static_cast<std::int64_t>(values.size())}});
  std::copy(values.begin(), values.end(), t.mutable_as<double>().begin());
  return t;
}

}  // namespace

TEST_CASE("a picture is the same bits again, from any thread and in any order") {
  const SyntheticFace a = draw(3), b = draw(4);
  CHECK(!same(a.image, b.image));
  CHECK(!same(a.image, draw(3, 6).image));
  std::vector<SyntheticFace> again(2);
  std::thread other([&] { again[1] = draw(4); });
  again[0] = draw(3);
  other.join();
  CHECK(same(a.image, again[0].image));
  CHECK(same(b.image, again[1].image));
  CHECK(std::ranges::equal(a.parts.as<std::int32_t>(), again[0].parts.as<std::int32_t>()));
  CHECK(a.landmarks[30].x == again[0].landmarks[30].x);
  CHECK(a.focal == again[0].focal);
}

TEST_CASE("pictures of a person share identity and hair, not expression and pose") {
  const SyntheticFace a = draw(0), b = draw(1), c = draw(2);
  CHECK(a.identity == b.identity);
  CHECK(a.hair == b.hair);
  CHECK(a.melanin == b.melanin);
  CHECK(a.expression != b.expression);
  CHECK(a.angles != b.angles);
  CHECK(a.identity != c.identity);
}

TEST_CASE("labels are what the face model's own functions compute from the coefficients") {
  const FaceModel model = FaceModel::of(head());
  for (std::uint64_t i = 0; i < 3; ++i) {
    const SyntheticFace f = draw(i);
    Graph graph;
    const Scope scope(graph, "face_model");
    const Value identity = graph.input({DType::f32, {1, model.identity}}, "identity"),
                expression = graph.input({DType::f32, {1, model.expression}}, "expression"),
                angles = graph.input({DType::f32, {1, 3}}, "angles"),
                translation = graph.input({DType::f32, {1, 3}}, "translation");
    const FaceCamera camera{.focal = f.focal, .centre_x = 32, .centre_y = 32, .distance = f.distance};
    const Value points =
        project(to_camera(rigid_transform(face_shape_at(scope, model, identity, expression, model.landmarks),
                                          rotation_matrix(angles), translation),
                          camera),
                camera);
    Executor executor(plan(graph, {points}, {.device = Device::reference()}), &head());
    executor.set(identity, row(f.identity).to(DType::f32));
    executor.set(expression, row(f.expression).to(DType::f32));
    executor.set(angles, row({f.angles[0], f.angles[1], f.angles[2]}).to(DType::f32));
    executor.set(translation, row({f.translation[0], f.translation[1], f.translation[2]}).to(DType::f32));
    executor.run();
    const Tensor result = executor.get(points);
    const std::vector<SyntheticFace::Landmark> again = synthesizer().landmarks(f);
    double worst = 0;
    for (std::size_t k = 0; k < 68; ++k) {
      const double x = result.as<double>()[2 * k], y = 64 - result.as<double>()[2 * k + 1];
      worst = std::max({worst, std::abs(x - f.landmarks[k].x), std::abs(y - f.landmarks[k].y)});
      CHECK(again[k].x == f.landmarks[k].x);
      CHECK(again[k].y == f.landmarks[k].y);
    }
    CHECK(worst < 1e-3);  // pixels; coefficients were rounded to f32
  }
}

TEST_CASE("visible landmarks lie on what they are landmarks of") {
  int seen = 0, hidden = 0;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const SyntheticFace f = draw(i, 11);
    const auto parts = f.parts.as<std::int32_t>();
    for (std::size_t k = 0; k < 68; ++k) {
      const SyntheticFace::Landmark& l = f.landmarks[k];
      ++(l.visible ? seen : hidden);
      if (!l.visible) continue;
      // In the pixel or beside it: edges of the face pass through pixels.
      bool found = false;
      for (int d = 0; d < 9; ++d) {
        const auto x = static_cast<std::int64_t>(l.x) + d % 3 - 1, y = static_cast<std::int64_t>(l.y) + d / 3 - 1;
        if (x < 0 || y < 0 || x >= 64 || y >= 64) continue;
        const std::int32_t part = parts[static_cast<std::size_t>(y * 64 + x)];
        found = found || part == 0 || part == 1;
      }
      CAPTURE(i);
      CAPTURE(k);
      CHECK(found);
    }
  }
  CHECK(seen > 250);
  CHECK(hidden > 0);
}

TEST_CASE("a picture is the aligned crop, but for the drawn shift") {
  for (std::uint64_t i = 0; i < 6; ++i) {
    const SyntheticFace f = draw(i, 3);
    std::vector<Point> points;
    for (const SyntheticFace::Landmark& l : f.landmarks) points.push_back({l.x - 0.5, l.y - 0.5});
    const Affine again = ffhq_transform(ffhq_of_68(points), 64);
    // Shifts of 0.8 %, scales of 2 % and turns of 2 degrees are drawn, at most 2.5 times that.
    const Point middle = again.inverse()({31.5, 31.5});
    CHECK(std::abs(middle.x - 31.5) < 0.021 * 64);
    CHECK(std::abs(middle.y - 31.5) < 0.021 * 64);
    CHECK(std::sqrt(again.determinant()) == doctest::Approx(1).epsilon(0.055));
    CHECK(std::abs(std::atan2(again.yx, again.xx)) < 5.01 * 3.14159265 / 180);
  }
}

TEST_CASE("light is positive from all around, and people are drawn as documented") {
  double least = 1, sum = 0, squares = 0;
  const std::vector<std::string> names = {"jawOpen", "mouthSmile_L", "browOuterUp_R", "unknown"};
  int moved = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const Shot shot = draw_shot(9, i, names);
    for (int k = 0; k < 64; ++k) {
      const double z = (k % 8) / 3.5 - 1, r = std::sqrt(std::max(0.0, 1 - z * z)), angle = k / 8 * 0.7854;
      const Vec3 light = shade(shot.gamma, {r * exact_cos(angle), r * exact_sin(angle), z});
      least = std::min({least, light.x, light.y, light.z});
    }
    for (const double v : shot.expression) CHECK((v >= 0 && v <= 1));
    CHECK(shot.expression[3] == 0);
    moved += shot.expression[1] > 0 ? 1 : 0;
    CHECK(std::abs(shot.angles.y) <= 17.0 * 2.5 * 3.1416 / 180);
    const Person person = draw_person(9, i, 48);
    for (const double v : person.identity) sum += v, squares += v * v;
  }
  CHECK(least > 0);
  CHECK(moved > 10);
  CHECK(moved < 50);
  // 2,880 numbers of variance 1, cut at 2.5 (which leaves 0.95): three standard errors.
  CHECK(std::abs(sum / 2880) < 0.06);
  CHECK(squares / 2880 == doctest::Approx(0.95).epsilon(0.1));
}

TEST_CASE("a model in other units and another place is brought to the head at rest") {
  const std::array<Vec3, 68> marks = resting_landmarks();
  std::vector<Vec3> moved, other;
  for (const Vec3& p : marks) moved.push_back({0.3 - 0.02 * p.x, 0.011 * p.y, 0.015 * p.z + 0.004 * p.y});
  for (const Vec3& p : {Vec3{0, 0, 0}, Vec3{40, 90, -60}})
    other.push_back({0.3 - 0.02 * p.x, 0.011 * p.y, 0.015 * p.z + 0.004 * p.y});
  const std::vector<Vec3> back = to_resting_head(other, moved);
  CHECK(length(back[0] - Vec3{0, 0, 0}) < 0.01);  // mm
  CHECK(length(back[1] - Vec3{40, 90, -60}) < 0.01);
  for (Vec3& p : moved) p.z = 0;
  CHECK(test::message_of<Error>([&] { to_resting_head(other, moved); }) ==
        "face model: its landmarks lie in a plane, expected a face");
}

TEST_CASE("what cannot be drawn is refused") {
  CHECK(test::message_of<Error>([] { synthesizer().draw({.size = 31}); }) ==
        "synthetic face: size 31, expected 32..1024");
  CHECK(test::message_of<Error>([] { synthesizer().draw({.seed = std::uint64_t{1} << 53}); }) ==
        "synthetic face: seed 9007199254740992, expected less than 2^53");
  Parameters model = head();
  model.erase("face_model/part");
  CHECK(test::message_of<CheckpointError>([&] { Synthesizer{model}; }) == "face model: face_model/part is missing");
}
