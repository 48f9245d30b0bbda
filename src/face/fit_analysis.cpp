// What landmarks say about a fit. On the host in double: this is for reports, not for batches.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "g2face/face/fit.hpp"
#include "g2face/ops.hpp"

namespace g2face {
namespace {

constexpr std::size_t pose_size = 6;
constexpr double determined_information = 8;

/// Eigenvalues of a symmetric matrix, which becomes diagonal, and its eigenvectors as the rows of `vectors`: Jacobi's
/// rotations, in sweeps until none is needed.
void diagonalise(std::vector<double>& a, std::vector<double>& vectors, std::size_t n) {
  constexpr int most_sweeps = 30;
  vectors.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) vectors[i * n + i] = 1;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool done = true;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double off = a[p * n + q], difference = a[q * n + q] - a[p * n + p];
        if (std::abs(off) <= 1e-15 * std::sqrt(std::abs(a[p * n + p] * a[q * n + q]))) continue;
        done = false;
        const double theta = difference / (2 * off);
        const double t = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::hypot(theta, 1));
        const double c = 1 / std::hypot(t, 1), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        for (std::vector<double>* m : {&a, &vectors}) {
          for (std::size_t k = 0; k < n; ++k) {
            const double x = (*m)[p * n + k], y = (*m)[q * n + k];
            (*m)[p * n + k] = c * x - s * y;
            (*m)[q * n + k] = s * x + c * y;
          }
        }
      }
    }
    if (done) return;
  }
}

template <class Range>
Tensor row_of(const Range& values, const Shape& shape) {
  Tensor t({DType::f64, shape});
  std::copy(std::begin(values), std::end(values), t.mutable_as<double>().begin());
  return t;
}

}  // namespace

std::int64_t FitAnalysis::determined() const {
  return std::count_if(information.begin(), information.end(), [](double e) { return e >= determined_information; });
}

Tensor LandmarkFitter::project(const FaceFit& face) const {
  check<ShapeError>(face.identity.size() + face.expression.size() == sigma_.size(), "fit: a face of ",
                    face.identity.size(), " + ", face.expression.size(), " coefficients for a model of ",
                    sigma_.size());
  std::vector<double> c = face.identity;
  c.insert(c.end(), face.expression.begin(), face.expression.end());
  const Camera& camera = options_.camera;
  Tensor result({DType::f64, {points(), 2}});
  const float *mean = mean_.as<float>().data(), *basis = basis_.as<float>().data();
  for (std::size_t l = 0; l < static_cast<std::size_t>(points()); ++l) {
    std::array<double, 3> s{}, p = face.translation;
    for (std::size_t i = 0; i < 3; ++i, ++mean, basis += c.size()) {
      s[i] = std::inner_product(c.begin(), c.end(), basis, static_cast<double>(*mean));
    }
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) p[i] += face.rotation[3 * i + j] * s[j];
    }
    const double scale = camera.focal / std::max(camera.distance - p[2], camera.distance / 100);
    result.mutable_as<double>()[2 * l] = p[0] * scale + camera.centre_x;
    result.mutable_as<double>()[2 * l + 1] = p[1] * scale + camera.centre_y;
  }
  return result;
}

FitAnalysis LandmarkFitter::analyse(const FaceFit& face, const Tensor& weights) const {
  const std::int64_t modes = basis_.shape()[2], size = static_cast<std::int64_t>(pose_size) + modes;
  check<ShapeError>(!weights || weights.shape() == Shape{points()}, "fit: weights ", weights.type().str(),
                    " of an analysis must be [", points(), "]");
  std::vector<double> precision, c = face.identity;
  for (const double sigma : sigma_) precision.push_back(1 / (sigma * sigma));
  c.insert(c.end(), face.expression.begin(), face.expression.end());
  Tensor weight = (weights ? weights.to(DType::f64) : Tensor::full({DType::f64, {points()}}, 1)).clone();
  for (double& w : weight.mutable_as<double>()) w /= options_.landmark_sigma * options_.landmark_sigma;
  Tensor unit = Tensor::zeros({DType::f64, {1, size, size}});
  for (std::int64_t i = 0; i < size; ++i) unit.mutable_as<double>()[static_cast<std::size_t>(i * (size + 1))] = 1;

  Graph g;
  const Camera& camera = options_.camera;
  const LandmarkNormalEquations e = landmark_normal_equations(
      {g.constant(mean_.to(DType::f64)), g.constant(basis_.to(DType::f64)), g.constant(row_of(precision, {modes}))},
      {g.constant(row_of(face.rotation, {1, 3, 3})), g.constant(row_of(face.translation, {1, 3})),
       g.constant(row_of(c, {1, modes}))},
      g.constant(project(face).reshape({1, points(), 2})), g.constant(weight.reshape({1, points()})),
      {.focal = camera.focal, .centre_x = camera.centre_x, .centre_y = camera.centre_y, .distance = camera.distance});
  const CholeskySolution inverse = cholesky_solve(e.hessian, g.constant(unit));
  Executor run(plan(g, {inverse.x, inverse.ok}, {.device = Device::reference()}));
  run.run();
  check(run.get(inverse.ok).item() > 0, "fit: the landmarks that have weight do not determine a pose to analyse");

  FitAnalysis result;
  result.covariance = run.get(inverse.x).reshape({size, size});
  const auto n = static_cast<std::size_t>(identity_modes_), row = static_cast<std::size_t>(size);
  std::vector<double> relative(n * n), vectors;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      relative[i * n + j] =
          result.covariance.as<double>()[(pose_size + i) * row + pose_size + j] / (sigma_[i] * sigma_[j]);
    }
  }
  diagonalise(relative, vectors, n);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return relative[a * (n + 1)] < relative[b * (n + 1)]; });
  result.directions = Tensor({DType::f64, {identity_modes_, identity_modes_}});
  for (std::size_t i = 0; i < n; ++i) {
    result.information.push_back(1 / relative[order[i] * (n + 1)] - 1);
    std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>(order[i] * n), n,
                result.directions.mutable_as<double>().begin() + static_cast<std::ptrdiff_t>(i * n));
  }
  return result;
}

}  // namespace g2face
