#include "g2face/ops/landmark_normal_equations.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

using A = LandmarkNormalEquationsAttrs;

/// A camera near faces of extent 1, so that perspective matters.
A near_camera(LandmarkLoss loss) {
  return {.focal = 5, .centre_x = 0.3, .centre_y = -0.2, .distance = 4, .loss = loss, .scale = 0.9};
}

CheckInputs inputs(std::int64_t faces, std::int64_t points, std::int64_t modes) {
  const Range positive{0.5, 2}, landmark{-3, 3};
  return {{points, 3},
          {points, 3, modes},
          {{modes}, positive},
          {faces, 3, 3},
          {faces, 3},
          {faces, modes},
          {{faces, points, 2}, landmark},
          {{faces, points}, positive}};
}

/// The op in a graph of f64 inputs for one face.
struct Face {
  static constexpr std::int64_t points = 7, modes = 5, size = 6 + modes;
  Bench b;
  std::array<Value, 8> in;
  LandmarkNormalEquations out;

  explicit Face(LandmarkLoss loss) {
    const CheckInputs shapes = inputs(1, points, modes);
    for (std::size_t i = 0; i < in.size(); ++i) {
      in[i] = b.random(shapes[i].shape, shapes[i].range.low, shapes[i].range.high);
    }
    b.feeds[3].second = turned(0.3, -0.5, 0.2);
    out = landmark_normal_equations({in[0], in[1], in[2]}, {in[3], in[4], in[5]}, in[6], in[7], near_camera(loss));
  }

  /// exp([w]x) by its series, which is another way than the library's.
  static Tensor turned(double x, double y, double z) {
    const std::array<double, 9> g = {0, -z, y, z, 0, -x, -y, x, 0};
    std::array<double, 9> term = {1, 0, 0, 0, 1, 0, 0, 0, 1}, sum = term;
    for (int n = 1; n < 25; ++n) {
      std::array<double, 9> next{};
      for (std::size_t i = 0; i < 9; ++i) {
        for (std::size_t k = 0; k < 3; ++k) next[i] += term[i / 3 * 3 + k] * g[k * 3 + i % 3] / n;
        sum[i] += next[i];
      }
      term = next;
    }
    Tensor r({DType::f64, {1, 3, 3}});
    std::copy(sum.begin(), sum.end(), r.mutable_as<double>().begin());
    return r;
  }

  /// Residuals with parameter `p` moved: a turn of the object, a shift, or a coefficient.
  Tensor residuals(std::int64_t p, double by) const {
    Feeds moved = b.feeds;
    if (p < 3) {
      const Value r = b.feeds[3].first;
      const Tensor turn = turned(p == 0 ? by : 0, p == 1 ? by : 0, p == 2 ? by : 0);
      Bench product;
      moved[3] = {r, product.run(matmul(product.feed(turn), product.feed(b.feeds[3].second)))};
    } else {
      auto& feed = moved[p < 6 ? 4 : 5].second;
      feed = feed.clone();
      feed.mutable_as<double>()[static_cast<std::size_t>(p < 6 ? p - 3 : p - 6)] += by;
    }
    return evaluate(out.residuals, moved);
  }
};

}  // namespace

TEST_CASE("landmark_normal_equations: the reference's camera") {
  Bench b;
  const Value mean = b.feed(Tensor::from({1, 3}, {0.5f, -0.25f, 0.f}));
  const Value basis = b.feed(Tensor::from({1, 3, 1}, {0, 0, 1})), precision = b.feed(Tensor::from({1}, {4}));
  const Value turn = b.feed(Tensor::from({1, 3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}));
  const Value shift = b.feed(Tensor::from({1, 3}, {0, 0, 1})), c = b.feed(Tensor::from({1, 1}, {1}));
  const Value landmark = b.feed(Tensor::from({1, 1, 2}, {170, 80})), weight = b.feed(Tensor::from({1, 1}, {0.25}));
  const LandmarkNormalEquations e =
      landmark_normal_equations({mean, basis, precision}, {turn, shift, c}, landmark, weight);
  // Depth 10 - (0 + 1 + 1) = 8: x = 1015 / 16 + 112 = 175.4375, y = -1015 / 32 + 112 = 80.28125.
  const Tensor residuals = b.run(e.residuals);
  CHECK(residuals.as<double>()[0] == doctest::Approx(5.4375));
  CHECK(residuals.as<double>()[1] == doctest::Approx(0.28125));
  CHECK(b.number(e.cost) == doctest::Approx(0.5 * (0.25 * (5.4375 * 5.4375 + 0.28125 * 0.28125) + 4)));
}

TEST_CASE("landmark_normal_equations: the matrix is made of the residuals' derivatives by central differences") {
  const Face f(LandmarkLoss::squares);
  constexpr double step = 1e-5;
  std::vector<Tensor> columns;
  for (std::int64_t p = 0; p < Face::size; ++p) {
    const Tensor plus = f.residuals(p, step), minus = f.residuals(p, -step);
    Tensor column(plus.type());
    for (std::size_t i = 0; i < static_cast<std::size_t>(plus.numel()); ++i) {
      column.mutable_as<double>()[i] = (plus.as<double>()[i] - minus.as<double>()[i]) / (2 * step);
    }
    columns.push_back(column);
  }
  const Tensor got = f.b.run(f.out.hessian);
  const auto weights = f.b.feeds[7].second.as<double>(), precision = f.b.feeds[2].second.as<double>();
  Tensor want = Tensor::zeros(got.type());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (std::size_t j = i; j < columns.size(); ++j) {
      double sum = i == j && i >= 6 ? precision[i - 6] : 0;
      for (std::size_t k = 0; k < 2 * weights.size(); ++k) {
        sum += weights[k / 2] * columns[i].as<double>()[k] * columns[j].as<double>()[k];
      }
      want.mutable_as<double>()[i * columns.size() + j] = sum;
    }
  }
  CHECK(relative_error(got, want) < 1e-9);
}

TEST_CASE("landmark_normal_equations: the right side is minus the gradient of the cost, whatever the loss") {
  for (const LandmarkLoss loss : {LandmarkLoss::squares, LandmarkLoss::huber, LandmarkLoss::geman_mcclure}) {
    Face f(loss);
    const std::vector<Value> d = gradients(sum(f.out.cost), {f.in[3], f.in[4], f.in[5]});
    const Tensor right = f.b.run(f.out.right), by_rotation = f.b.run(d[0]), rotation = f.b.feeds[3].second;
    Tensor want({DType::f64, {1, Face::size}});
    const auto w = want.mutable_as<double>();
    // d cost / d turn_a = <d cost / dR, [e_a]x R>
    for (std::size_t a = 0; a < 3; ++a) {
      const std::size_t i = (a + 1) % 3, j = (a + 2) % 3;
      w[a] = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        w[a] -= by_rotation.as<double>()[3 * j + k] * rotation.as<double>()[3 * i + k] -
                by_rotation.as<double>()[3 * i + k] * rotation.as<double>()[3 * j + k];
      }
    }
    const Tensor by_shift = f.b.run(d[1]), by_modes = f.b.run(d[2]);
    for (std::size_t i = 0; i < 3; ++i) w[3 + i] = -by_shift.as<double>()[i];
    for (std::size_t i = 0; i < static_cast<std::size_t>(Face::modes); ++i) w[6 + i] = -by_modes.as<double>()[i];
    INFO(near_camera(loss).str());
    CHECK(relative_error(right, want) < 1e-12);
  }
}

TEST_CASE("landmark_normal_equations: forward and gradients") {
  for (const LandmarkLoss loss : {LandmarkLoss::squares, LandmarkLoss::huber, LandmarkLoss::geman_mcclure}) {
    OpCheck(landmark_normal_equations_op, near_camera(loss)).ok(inputs(2, 3, 2));
  }
  OpCheck(landmark_normal_equations_op, near_camera(LandmarkLoss::huber), {.differences = 0}).ok(inputs(3, 9, 25));
}

TEST_CASE("landmark_normal_equations: a landmark without weight, and one behind the camera") {
  Face f(LandmarkLoss::squares);
  f.b.feeds[7].second.mutable_as<double>()[2] = 0;
  const Tensor before = f.b.run(f.out.right);
  f.b.feeds[6].second.mutable_as<double>()[4] += 100;
  CHECK(relative_error(f.b.run(f.out.right), before) == 0);
  f.b.feeds[4].second.mutable_as<double>()[2] = 40;
  const Tensor hessian = f.b.run(f.out.hessian);
  for (const double v : hessian.as<double>()) CHECK(std::isfinite(v));
  CHECK(f.b.number(f.out.cost) > 1000);
}

TEST_CASE("landmark_normal_equations: rules") {
  const OpCheck c(landmark_normal_equations_op, A{});
  CheckInputs in = inputs(2, 3, 4);
  in[2].dtype = DType::i32;
  c.fails("R1", in, "precision i32[4] must have a floating dtype");
  in = inputs(2, 3, 4);
  in[0].shape = {4, 3};
  c.fails("R2", in, "mean [4,3], basis [3,3,4] and precision [4] must be [L,3], [L,3,K] and [K]");
  in = inputs(2, 3, 4);
  in[6].shape = {2, 3, 3};
  c.fails("R3", in, "landmarks [2,3,3] must be [2,3,2] for 2 faces of 3 landmarks and 4 modes");
  c.fails("R4", inputs(2, 3, 4), A{.focal = -1}, "focal -1, distance 10 and scale 3 must be positive");
}
