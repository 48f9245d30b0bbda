#include "face/resting.hpp"

#include <algorithm>

#include "face/head_surface.hpp"
#include "g2face/error.hpp"

namespace g2face::face {

namespace {

constexpr std::size_t unknowns = 68 + 4;
using Row = std::array<double, unknowns + 3>;  // three right sides

/// Gauss-Jordan with pivoting by rows; right sides become solutions.
void solve(std::vector<Row>& m) {
  for (std::size_t k = 0; k < unknowns; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < unknowns; ++i) {
      if (std::abs(m[i][k]) > std::abs(m[pivot][k])) pivot = i;
    }
    check(std::abs(m[pivot][k]) > 1e-12, "face model: its landmarks lie in a plane, expected a face");
    std::swap(m[k], m[pivot]);
    for (std::size_t i = 0; i < unknowns; ++i) {
      const double factor = m[i][k] / m[k][k];
      if (i == k || factor == 0) continue;
      for (std::size_t j = k; j < m[i].size(); ++j) m[i][j] -= factor * m[k][j];
    }
  }
  for (std::size_t k = 0; k < unknowns; ++k) {
    for (std::size_t j = unknowns; j < m[k].size(); ++j) m[k][j] /= m[k][k];
  }
}

}  // namespace

std::vector<Vec3> to_resting_head(std::span<const Vec3> points, std::span<const Vec3> landmarks) {
  check(landmarks.size() == 68, "face model: it has ", landmarks.size(), " landmarks, expected 68");
  const std::array<Vec3, 68> to = resting_landmarks();
  std::vector<Row> m(unknowns, Row{});
  for (std::size_t i = 0; i < 68; ++i) {
    for (std::size_t j = 0; j < 68; ++j) m[i][j] = length(landmarks[i] - landmarks[j]);
    m[i][i] = -1e-4;  // lips that touch have landmarks in one point
    const std::array<double, 4> affine = {1, landmarks[i].x, landmarks[i].y, landmarks[i].z};
    for (std::size_t k = 0; k < 4; ++k) m[i][68 + k] = m[68 + k][i] = affine[k];
    m[i][unknowns] = to[i].x;
    m[i][unknowns + 1] = to[i].y;
    m[i][unknowns + 2] = to[i].z;
  }
  solve(m);
  std::vector<Vec3> result;
  result.reserve(points.size());
  for (const Vec3& p : points) {
    const auto coefficient = [&](std::size_t k) {
      return Vec3{m[k][unknowns], m[k][unknowns + 1], m[k][unknowns + 2]};
    };
    Vec3 sum = coefficient(68) + coefficient(69) * p.x + coefficient(70) * p.y + coefficient(71) * p.z;
    for (std::size_t j = 0; j < 68; ++j) sum = sum + coefficient(j) * length(p - landmarks[j]);
    result.push_back(sum);
  }
  return result;
}

void lay_skull_on_resting_head(std::span<Vec3> resting) {
  constexpr Vec3 middle{0, 20, -5};
  const auto inside = [](const Vec3& p) {
    if (p.y >= crown_row) return false;
    const double row = std::max(p.y, -20.0), x = p.x / half_width(row), z = p.z / half_depth(row, p.z < 0);
    return x * x + z * z < 1;
  };
  for (Vec3& p : resting) {
    const double share = std::max({smoothstep(25, 60, p.y), smoothstep(18, 32, p.y) * smoothstep(60, 20, p.z),
                                   smoothstep(-45, -80, p.z) * smoothstep(-40, -10, p.y)});
    if (share == 0) continue;
    const Vec3 ray = unit(p - middle);
    double near = 0, far = 300;
    while (far - near > 1e-3) {
      const double half = 0.5 * (near + far);
      (inside(middle + ray * half) ? near : far) = half;
    }
    p = mix(p, middle + ray * near, share);
  }
}

}  // namespace g2face::face
