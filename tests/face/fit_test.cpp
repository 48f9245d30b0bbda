#include "g2face/face/fit.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "evaluate.hpp"

using namespace g2face;
using g2face::testing::random_tensor;

namespace {

constexpr double degree = std::numbers::pi / 180;

/// 68 points on the front of a head of some 0.8 dm, and modes that are smooth over it: products of low waves. Mode k
/// has the size 0.1 / (1 + k / 4) dm, so that there are strong and weak ones, as in face models.
LandmarkModel waves(std::int64_t identity, std::int64_t expression, std::int64_t points = 68) {
  LandmarkModel m{Tensor({DType::f64, {points, 3}}), Tensor({DType::f64, {points, 3, identity}}),
                  Tensor({DType::f64, {points, 3, expression}})};
  const Tensor waves = random_tensor({identity + expression, 3, 4}, 77, -3, 3);
  const auto mode = [&](Tensor& basis, std::int64_t k, std::int64_t index, std::int64_t l, const double* at) {
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      const double* w = &waves.as<double>()[static_cast<std::size_t>((index * 3 + axis) * 4)];
      const double value = std::sin(w[0] * at[0] + w[1] * at[1] + w[2] * at[2] + w[3]);
      const std::int64_t modes = basis.shape()[2];
      basis.mutable_as<double>()[static_cast<std::size_t>((l * 3 + axis) * modes + k)] =
          0.1 * value / (1 + static_cast<double>(k) / 4);
    }
  };
  for (std::int64_t l = 0; l < points; ++l) {
    // A spiral over the front of an ellipsoid, and a nose.
    const double t = (static_cast<double>(l) + 0.5) / static_cast<double>(points), turn = 2.4 * static_cast<double>(l);
    const double x = 0.75 * std::sqrt(t) * std::cos(turn), y = 0.9 * std::sqrt(t) * std::sin(turn);
    const double z = 0.9 * std::sqrt(1.05 - t) + 0.25 * std::exp(-30 * (x * x + y * y)) - 0.5;
    const double at[3] = {x, y, z};
    std::copy_n(at, 3, &m.mean.mutable_as<double>()[static_cast<std::size_t>(3 * l)]);
    for (std::int64_t k = 0; k < identity; ++k) mode(m.identity, k, k, l, at);
    for (std::int64_t k = 0; k < expression; ++k) mode(m.expression, k, identity + k, l, at);
  }
  return m;
}

/// Normal numbers by the sum of uniform ones.
std::vector<double> normal(std::size_t n, std::uint64_t seed, double sigma) {
  const Tensor u = random_tensor({static_cast<std::int64_t>(n), 12}, seed, -0.5, 0.5);
  std::vector<double> values(n, 0);
  for (std::size_t i = 0; i < 12 * n; ++i) values[i / 12] += sigma * u.as<double>()[i];
  return values;
}

struct Truth {
  std::vector<FaceFit> faces;
  Tensor landmarks;  // [N,L,2]
};

/// Faces as a 256 px portrait shows them, with the yaws given, and their landmarks with noise of `sigma` pixels.
Truth portraits(const LandmarkFitter& f, const std::vector<double>& yaws, double sigma, bool blendshapes = false) {
  Truth t{{}, Tensor({DType::f64, {static_cast<std::int64_t>(yaws.size()), f.points(), 2}})};
  for (std::size_t n = 0; n < yaws.size(); ++n) {
    FaceFit face;
    face.identity = normal(static_cast<std::size_t>(f.identity_modes()), 10 * n + 1, 1);
    face.expression = normal(static_cast<std::size_t>(f.expression_modes()), 10 * n + 2, 1);
    if (blendshapes) {
      for (double& c : face.expression) c = std::clamp(c, 0.0, 1.0);
    }
    const std::vector<double> pose = normal(5, 10 * n + 3, 1);
    face.rotation = rotation_of({8 * degree * pose[0], yaws[n] * degree, 8 * degree * pose[1]});
    face.translation = {0.1 * pose[2], 0.1 * pose[3], 0.5 * pose[4]};
    const Tensor seen = f.project(face);
    const std::vector<double> noise = normal(static_cast<std::size_t>(seen.numel()), 10 * n + 4, sigma);
    for (std::size_t i = 0; i < noise.size(); ++i) {
      t.landmarks.mutable_as<double>()[n * noise.size() + i] = seen.as<double>()[i] + noise[i];
    }
    t.faces.push_back(face);
  }
  return t;
}

double angle_between(const FaceFit& a, const FaceFit& b) {
  double trace = 0;
  for (std::size_t i = 0; i < 9; ++i) trace += a.rotation[i] * b.rotation[i];
  return std::acos(std::clamp((trace - 1) / 2, -1.0, 1.0)) / degree;
}

double mean_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

/// Correlation of fitted and true identities along the directions that the landmarks determine, over all faces.
double identity_correlation(const LandmarkFitter& f, const Truth& t, const std::vector<FaceFit>& fits) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t n = 0; n < fits.size(); ++n) {
    const FitAnalysis a = f.analyse(fits[n]);
    for (std::size_t d = 0; d < static_cast<std::size_t>(a.determined()); ++d) {
      double got = 0, want = 0;
      for (std::size_t k = 0; k < t.faces[n].identity.size(); ++k) {
        const double u = a.directions.as<double>()[d * t.faces[n].identity.size() + k];
        got += u * fits[n].identity[k];
        want += u * t.faces[n].identity[k];
      }
      ab += got * want;
      aa += got * got;
      bb += want * want;
    }
  }
  return ab / std::sqrt(aa * bb);
}

std::vector<double> all_yaws() {
  std::vector<double> yaws;
  for (int i = -6; i <= 6; ++i) yaws.push_back(15.0 * i);
  return yaws;
}

FitOptions options_256(double sigma) {
  FitOptions o;
  o.camera = Camera::reference(256);
  o.landmark_sigma = sigma;
  return o;
}

}  // namespace

TEST_CASE("rigid_pose: exact for a rigid face at any yaw, and with a fifth of the landmarks elsewhere") {
  const LandmarkFitter f(waves(1, 0), options_256(1));
  for (const bool outliers : {false, true}) {
    for (const double yaw : all_yaws()) {
      FaceFit face;
      face.identity = {0};
      face.rotation = rotation_of({0.2, yaw * degree, -0.3});
      face.translation = {0.3, -0.2, 1};
      Tensor seen = f.project(face);
      for (std::size_t l = 0; outliers && l < 68; l += 5) seen.mutable_as<double>()[2 * l] += 60;
      const std::vector<double> weights(68, 1);
      const Tensor mean = waves(1, 0).mean;
      const auto pose = rigid_pose(Camera::reference(256), mean.as<double>(), seen.as<double>(), weights, outliers);
      REQUIRE(pose);
      FaceFit got;
      got.rotation = pose->rotation;
      INFO("yaw ", yaw, " outliers ", outliers);
      CHECK(angle_between(got, face) < (outliers ? 3 : 0.1));
      CHECK(std::abs(pose->translation[2] - 1) < (outliers ? 0.5 : 0.02));
    }
  }
}

TEST_CASE("fit: recovers faces from their own projections, from profile to profile") {
  LandmarkFitter f(waves(20, 6), options_256(0.05));
  const Truth t = portraits(f, all_yaws(), 0);
  const std::vector<FaceFit> fits = f.fit(t.landmarks);
  for (std::size_t n = 0; n < fits.size(); ++n) {
    INFO("face ", n, ": ", name_of(fits[n].status), " after ", fits[n].iterations);
    CHECK(fits[n].status == FitStatus::converged);
    CHECK(mean_of(fits[n].errors) < 0.1);
    CHECK(angle_between(fits[n], t.faces[n]) < 0.5);
    CHECK(std::abs(fits[n].translation[0] - t.faces[n].translation[0]) < 0.02);
  }
  CHECK(identity_correlation(f, t, fits) > 0.95);
}

TEST_CASE("fit: noise on the landmarks costs what the covariance says") {
  double before = 0;
  for (const double sigma : {1.0, 2.0, 3.0}) {
    LandmarkFitter f(waves(20, 6), options_256(sigma));
    const Truth t = portraits(f, {-60, -40, -20, -10, 0, 10, 20, 40, 60}, sigma);
    const std::vector<FaceFit> fits = f.fit(t.landmarks);
    double squares = 0, expected = 0, error = 0;
    for (std::size_t n = 0; n < fits.size(); ++n) {
      CHECK(fits[n].status == FitStatus::converged);
      const double angle = angle_between(fits[n], t.faces[n]) * degree;
      const Tensor covariance = f.analyse(fits[n]).covariance;
      const auto size = static_cast<std::size_t>(covariance.shape()[0]);
      squares += angle * angle;
      for (std::size_t i = 0; i < 3; ++i) expected += covariance.as<double>()[i * (size + 1)];
      error += mean_of(fits[n].errors) / 9;
    }
    INFO("sigma ", sigma, " squares ", squares, " expected ", expected, " error ", error);
    // 27 numbers: their mean square scatters by a quarter.
    CHECK(squares < 2 * expected);
    CHECK(squares > 0.4 * expected);
    CHECK(error < 1.3 * sigma);  // the mean length of the noise itself is 1.25 sigma
    CHECK(error > before);
    CHECK(identity_correlation(f, t, fits) > 0.85);
    before = error;
  }
}

TEST_CASE("fit: blendshapes stay in 0..1, and what is at a bound is found there") {
  FitOptions o = options_256(0.2);
  o.expression_in_unit_range = true;
  LandmarkFitter f(waves(12, 6), o);
  const Truth t = portraits(f, {-30, -10, 0, 10, 30}, 0, true);
  const std::vector<FaceFit> fits = f.fit(t.landmarks);
  for (std::size_t n = 0; n < fits.size(); ++n) {
    CHECK(fits[n].status == FitStatus::converged);
    CHECK(mean_of(fits[n].errors) < 0.3);
    for (std::size_t k = 0; k < fits[n].expression.size(); ++k) {
      CHECK(fits[n].expression[k] >= 0);
      CHECK(fits[n].expression[k] <= 1);
      CHECK(std::abs(fits[n].expression[k] - t.faces[n].expression[k]) < 0.35);
    }
  }
}

TEST_CASE("fit: outliers are outvoted by a robust loss") {
  const Truth clean = portraits(LandmarkFitter(waves(10, 4), options_256(1)), {-30, 0, 20}, 0.5);
  Tensor landmarks = clean.landmarks.clone();
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t l = 0; l < 68; l += 9) landmarks.mutable_as<double>()[(i * 68 + l) * 2 + 1] += 40;
  }
  double angle[3] = {};
  for (const LandmarkLoss loss : {LandmarkLoss::squares, LandmarkLoss::huber, LandmarkLoss::geman_mcclure}) {
    FitOptions o = options_256(1);
    o.loss = loss;
    LandmarkFitter f(waves(10, 4), o);
    const std::vector<FaceFit> fits = f.fit(landmarks);
    for (std::size_t n = 0; n < 3; ++n) {
      angle[static_cast<std::size_t>(loss)] += angle_between(fits[n], clean.faces[n]) / 3;
    }
  }
  CHECK(angle[0] > 2 * angle[2]);
  CHECK(angle[1] < angle[0]);
  CHECK(angle[2] < 1.5);
}

TEST_CASE("fit: a face has the same bits alone, among others, and in batches that are refilled") {
  FitOptions o = options_256(1);
  o.batch = 4;
  LandmarkFitter f(waves(10, 4), o);
  const Truth t = portraits(f, {-80, -30, 0, 5, 20, 45, 60, 90, 10}, 1);
  const std::vector<FaceFit> all = f.fit(t.landmarks);
  REQUIRE(all.size() == 9);
  for (const std::size_t n : {std::size_t{0}, std::size_t{8}}) {
    Tensor one({DType::f64, {1, 68, 2}});
    std::copy_n(t.landmarks.as<double>().begin() + static_cast<std::ptrdiff_t>(n * 136), 136,
                one.mutable_as<double>().begin());
    const FaceFit alone = f.fit(one)[0];
    CHECK(alone.identity == all[n].identity);
    CHECK(alone.rotation == all[n].rotation);
    CHECK(alone.iterations == all[n].iterations);
  }
  CHECK(f.fit(Tensor({DType::f32, {0, 68, 2}})).empty());
}

TEST_CASE("fit: five landmarks give a pose, and leave the face to the prior") {
  LandmarkFitter f(waves(10, 4, 5), options_256(1));
  const Truth t = portraits(f, {-30, 0, 30}, 0.5);
  const std::vector<FaceFit> fits = f.fit(t.landmarks);
  for (std::size_t n = 0; n < fits.size(); ++n) {
    CHECK(fits[n].status == FitStatus::converged);
    CHECK(mean_of(fits[n].errors) < 2);
    CHECK(f.analyse(fits[n]).determined() <= 4);  // ten numbers, six of which are the pose
    double length = 0;
    for (const double c : fits[n].identity) length += c * c;
    CHECK(length < 10);
  }
}

TEST_CASE("fit: what cannot be fitted says so and leaves its neighbours alone") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  LandmarkFitter f(waves(10, 4), options_256(1));
  const Truth good = portraits(f, {10, 10, 10, 10, 10}, 0);
  Tensor landmarks = good.landmarks.clone(), weights = Tensor::full({DType::f64, {5, 68}}, 1);
  const auto x = landmarks.mutable_as<double>(), w = weights.mutable_as<double>();
  std::fill_n(x.begin(), 136, 100.0);  // all in one point
  x[136 + 7] = nan;                    // not finite
  x[2 * 136 + 7] = nan;                // not finite, but without weight
  w[2 * 68 + 3] = 0;
  std::fill_n(w.begin() + 3 * 68, 65, 0.0);  // three landmarks
  const std::vector<FaceFit> fits = f.fit(landmarks, weights);
  CHECK(fits[0].status == FitStatus::degenerate);
  CHECK(fits[1].status == FitStatus::not_finite);
  CHECK(fits[2].status == FitStatus::converged);
  CHECK(fits[3].status == FitStatus::degenerate);
  CHECK(fits[4].status == FitStatus::converged);
  CHECK(fits[0].identity == std::vector<double>(10, 0));
  CHECK(angle_between(fits[2], good.faces[2]) < 1);
  for (std::size_t i = 0; i < 136; ++i) x[i] *= 1e30;
  CHECK(f.fit(landmarks)[0].status == FitStatus::degenerate);
  w[0] = -1;
  CHECK(f.fit(good.landmarks, weights)[0].status == FitStatus::not_finite);
}

TEST_CASE("fit: the same on the reference device") {
  FitOptions o = options_256(1);
  LandmarkFitter fast(waves(4, 2, 20), o);
  o.plan.device = Device::reference();
  LandmarkFitter exact(waves(4, 2, 20), o);
  const Truth t = portraits(fast, {-20, 40}, 1);
  const std::vector<FaceFit> a = fast.fit(t.landmarks), b = exact.fit(t.landmarks);
  for (std::size_t n = 0; n < 2; ++n) {
    CHECK(angle_between(a[n], b[n]) < 0.01);
    CHECK(a[n].cost == doctest::Approx(b[n].cost).epsilon(1e-4));
  }
}

TEST_CASE("fit: analysis: the covariance is the inverse of what landmarks and priors say, angles turn back") {
  LandmarkFitter f(waves(6, 3), options_256(1));
  const Truth t = portraits(f, {20}, 0);
  const FitAnalysis a = f.analyse(f.fit(t.landmarks)[0]);
  CHECK(a.covariance.shape() == Shape{15, 15});
  CHECK(a.information.size() == 6);
  for (std::size_t i = 1; i < 6; ++i) CHECK(a.information[i] <= a.information[i - 1]);
  // A direction's variance by the covariance is 1 / (1 + e).
  for (std::size_t d = 0; d < 6; ++d) {
    double variance = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t j = 0; j < 6; ++j) {
        variance += a.directions.as<double>()[6 * d + i] * a.covariance.as<double>()[(6 + i) * 15 + 6 + j] *
                    a.directions.as<double>()[6 * d + j];
      }
    }
    CHECK(variance == doctest::Approx(1 / (1 + a.information[d])).epsilon(1e-9));
  }
  FaceFit turned;
  turned.rotation = rotation_of({0.3, -0.7, 1.2});
  CHECK(turned.angles()[0] == doctest::Approx(0.3));
  CHECK(turned.angles()[1] == doctest::Approx(-0.7));
  CHECK(turned.angles()[2] == doctest::Approx(1.2));
}

TEST_CASE("fit: models, options and landmarks that do not fit are refused by name") {
  const LandmarkModel m = waves(3, 2);
  CHECK_THROWS_WITH_AS(LandmarkFitter({m.mean, random_tensor({67, 3, 3}, 1), m.expression}),
                       doctest::Contains("[67,3,3]"), ShapeError);
  FitOptions o;
  o.landmark_sigma = 0;
  CHECK_THROWS_WITH(LandmarkFitter(m, o), doctest::Contains("landmark_sigma 0"));
  o.landmark_sigma = 1;
  o.identity_sigma = {1, 1};
  CHECK_THROWS_WITH_AS(LandmarkFitter(m, o), "fit: identity_sigma has 2 numbers for 3 modes", ShapeError);
  LandmarkFitter f(m);
  CHECK_THROWS_WITH_AS(f.fit(random_tensor({1, 67, 2}, 1)), doctest::Contains("must be [N,68,2]"), ShapeError);
  CHECK_THROWS_AS(f.fit(random_tensor({1, 68, 2}, 1), random_tensor({2, 68}, 1)), ShapeError);
}
