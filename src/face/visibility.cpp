#include "face/visibility.hpp"

#include <algorithm>

namespace g2face::face {

namespace {

/// The first and one past the last sample whose middle lies between a and b.
std::array<std::int64_t, 2> samples_between(double a, double b, std::int64_t size) {
  const double high = static_cast<double>(size);
  return {static_cast<std::int64_t>(std::ceil(std::clamp(a - 0.5, 0.0, high))),
          static_cast<std::int64_t>(std::ceil(std::clamp(b - 0.5, 0.0, high)))};
}

/// Twice the signed areas that a point spans with the edges opposite to the corners.
std::array<double, 3> areas(const Vec3& a, const Vec3& b, const Vec3& c, double x, double y) {
  return {(b.x - x) * (c.y - y) - (b.y - y) * (c.x - x), (c.x - x) * (a.y - y) - (c.y - y) * (a.x - x),
          (a.x - x) * (b.y - y) - (a.y - y) * (b.x - x)};
}

}  // namespace

Visible nearest(const std::vector<Vec3>& screen, const Triangles& triangles, std::int64_t size) {
  Visible seen;
  seen.size = size;
  seen.triangle.assign(static_cast<std::size_t>(size * size), -1);
  seen.nearness.assign(seen.triangle.size(), 0.0);
  for (std::size_t t = 0; t < triangles.size(); ++t) {
    const Vec3& a = screen[static_cast<std::size_t>(triangles[t][0])];
    const Vec3& b = screen[static_cast<std::size_t>(triangles[t][1])];
    const Vec3& c = screen[static_cast<std::size_t>(triangles[t][2])];
    const double area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (area == 0) continue;
    const auto [left, right] = samples_between(std::min({a.x, b.x, c.x}), std::max({a.x, b.x, c.x}), size);
    const auto [top, bottom] = samples_between(std::min({a.y, b.y, c.y}), std::max({a.y, b.y, c.y}), size);
    const double per_area = 1 / area, na = 1 / a.z, nb = 1 / b.z, nc = 1 / c.z;
    for (std::int64_t row = top; row < bottom; ++row) {
      for (std::int64_t column = left; column < right; ++column) {
        const auto w = areas(a, b, c, static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5);
        const double u = w[0] * per_area, v = w[1] * per_area, r = w[2] * per_area;
        if (u < 0 || v < 0 || r < 0) continue;
        const double nearness = u * na + v * nb + r * nc;
        const auto at = static_cast<std::size_t>(row * size + column);
        if (nearness > seen.nearness[at]) {
          seen.nearness[at] = nearness;
          seen.triangle[at] = static_cast<std::int32_t>(t);
        }
      }
    }
  }
  return seen;
}

std::array<double, 3> weights_at(const std::vector<Vec3>& screen, const std::array<std::int32_t, 3>& triangle, double x,
                                 double y) {
  const Vec3& a = screen[static_cast<std::size_t>(triangle[0])];
  const Vec3& b = screen[static_cast<std::size_t>(triangle[1])];
  const Vec3& c = screen[static_cast<std::size_t>(triangle[2])];
  std::array<double, 3> w = areas(a, b, c, x, y);
  const double sign = w[0] + w[1] + w[2] < 0 ? -1 : 1;
  w = {std::max(0.0, sign * w[0]) / a.z, std::max(0.0, sign * w[1]) / b.z, std::max(0.0, sign * w[2]) / c.z};
  const double total = w[0] + w[1] + w[2];
  if (total <= 0) return {1.0 / 3, 1.0 / 3, 1.0 / 3};
  return {w[0] / total, w[1] / total, w[2] / total};
}

}  // namespace g2face::face
