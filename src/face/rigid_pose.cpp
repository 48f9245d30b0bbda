// The pose that a fit starts from.

#include <algorithm>
#include <cmath>

#include "g2face/face/fit.hpp"

namespace g2face {
namespace {

using Vec3 = std::array<double, 3>;
using Vec4 = std::array<double, 4>;

double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/// Least squares for two right sides in four unknowns, by Gaussian elimination of the normal equations: they are
/// positive definite unless the points lie in a plane.
bool solve4(std::array<Vec4, 4> a, std::array<Vec4, 2>& right) {
  const double largest = std::max({a[0][0], a[1][1], a[2][2], a[3][3]});
  for (std::size_t i = 0; i < 4; ++i) {
    if (!(a[i][i] > 1e-10 * largest)) return false;
    for (std::size_t r = i + 1; r < 4; ++r) {
      const double factor = a[r][i] / a[i][i];
      for (std::size_t c = i; c < 4; ++c) a[r][c] -= factor * a[i][c];
      for (Vec4& b : right) b[r] -= factor * b[i];
    }
  }
  for (Vec4& b : right) {
    for (std::size_t i = 4; i-- > 0;) {
      for (std::size_t c = i + 1; c < 4; ++c) b[i] -= a[i][c] * b[c];
      b[i] /= a[i][i];
    }
  }
  return true;
}

/// Makes two rows orthonormal, both moved as little as possible: the polar factor, by the closed square root of their
/// 2 x 2 products. Returns their mean length before, or 0 if one is (nearly) a multiple of the other.
double orthonormalise(Vec3& a, Vec3& b) {
  const double aa = dot(a, a), ab = dot(a, b), bb = dot(b, b), det = aa * bb - ab * ab;
  if (!(det > 1e-8 * (aa + bb) * (aa + bb))) return 0;
  const double scale = (std::sqrt(aa) + std::sqrt(bb)) / 2, root = std::sqrt(det);
  const double n = 1 / (root * std::sqrt(aa + bb + 2 * root));  // of the inverse root of the products
  const Vec3 was = a;
  for (std::size_t i = 0; i < 3; ++i) {
    a[i] = n * ((bb + root) * was[i] - ab * b[i]);
    b[i] = n * ((aa + root) * b[i] - ab * was[i]);
  }
  return scale;
}

struct Points {
  const Camera& camera;
  std::span<const double> shape, landmarks;
  std::size_t count() const { return shape.size() / 3; }
  Vec3 at(std::size_t l) const { return {shape[3 * l], shape[3 * l + 1], shape[3 * l + 2]}; }
};

/// One weak perspective fit to landmarks that are moved to where a parallel camera would see them; `stretch` says how
/// much for each, and is brought up to date.
std::optional<RigidPose> parallel_pose(const Points& p, std::span<const double> weights, std::span<double> stretch) {
  std::array<Vec4, 4> a{};
  std::array<Vec4, 2> right{};
  for (std::size_t l = 0; l < p.count(); ++l) {
    if (weights[l] == 0) continue;
    const Vec3 s = p.at(l);
    const Vec4 row = {s[0], s[1], s[2], 1};
    const double x = (p.landmarks[2 * l] - p.camera.centre_x) * stretch[l];
    const double y = (p.landmarks[2 * l + 1] - p.camera.centre_y) * stretch[l];
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 4; ++j) a[i][j] += weights[l] * row[i] * row[j];
      right[0][i] += weights[l] * row[i] * x;
      right[1][i] += weights[l] * row[i] * y;
    }
  }
  if (!solve4(a, right)) return std::nullopt;
  Vec3 r1 = {right[0][0], right[0][1], right[0][2]}, r2 = {right[1][0], right[1][1], right[1][2]};
  const double scale = orthonormalise(r1, r2);
  // A face smaller than a hundredth of a pixel is a point.
  if (!(scale > 0.01 * p.camera.distance / p.camera.focal)) return std::nullopt;
  const Vec3 r3 = {r1[1] * r2[2] - r1[2] * r2[1], r1[2] * r2[0] - r1[0] * r2[2], r1[0] * r2[1] - r1[1] * r2[0]};
  const double depth = p.camera.focal / scale;
  for (std::size_t l = 0; l < p.count(); ++l) stretch[l] = std::max(1 - dot(r3, p.at(l)) / depth, 0.1);
  return RigidPose{{r1[0], r1[1], r1[2], r2[0], r2[1], r2[2], r3[0], r3[1], r3[2]},
                   {right[0][3] / scale, right[1][3] / scale, p.camera.distance - depth}};
}

/// Weights of points that lie far from where the pose puts them, measured by the median, go to zero.
std::vector<double> reweighted(const Points& p, const RigidPose& pose, std::span<const double> weights) {
  std::vector<double> distance(p.count()), counting;
  for (std::size_t l = 0; l < p.count(); ++l) {
    const Vec3 s = p.at(l);
    Vec3 q{};
    for (std::size_t i = 0; i < 3; ++i) {
      q[i] = pose.translation[i];
      for (std::size_t j = 0; j < 3; ++j) q[i] += pose.rotation[3 * i + j] * s[j];
    }
    const double scale = p.camera.focal / std::max(p.camera.distance - q[2], p.camera.distance / 100);
    distance[l] = std::hypot(q[0] * scale + p.camera.centre_x - p.landmarks[2 * l],
                             q[1] * scale + p.camera.centre_y - p.landmarks[2 * l + 1]);
    if (weights[l] > 0) counting.push_back(distance[l]);
  }
  const auto middle = counting.begin() + static_cast<std::ptrdiff_t>(counting.size() / 2);
  std::nth_element(counting.begin(), middle, counting.end());
  std::vector<double> result(weights.begin(), weights.end());
  for (std::size_t l = 0; l < p.count(); ++l) {
    const double u = distance[l] / (2 * *middle + 1e-6);
    result[l] *= 1 / ((1 + u * u) * (1 + u * u));
  }
  return result;
}

}  // namespace

std::optional<RigidPose> rigid_pose(const Camera& camera, std::span<const double> shape,
                                    std::span<const double> landmarks, std::span<const double> weights, bool robust) {
  constexpr int rounds = 5;  // the depths then change by less than a thousandth
  const Points points{camera, shape, landmarks};
  std::vector<double> stretch(points.count(), 1), counted(weights.begin(), weights.end());
  std::optional<RigidPose> pose;
  for (int round = 0; round < rounds; ++round) {
    pose = parallel_pose(points, counted, stretch);
    if (!pose) return std::nullopt;
    if (robust) counted = reweighted(points, *pose, weights);
  }
  return pose;
}

}  // namespace g2face
