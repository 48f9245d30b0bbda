#include "face/openness.hpp"

namespace g2face::face {

std::vector<double> openness_of(const std::vector<Vec3>& points, const std::vector<Vec3>& normals,
                                const Triangles& triangles, double reach) {
  constexpr int directions = 128;
  constexpr std::int64_t size = 256;
  constexpr double golden_turn = 2.39996322972865332;
  constexpr double far = 100;      // so far off that perspective does not show
  constexpr double raised = 0.01;  // decimetres: a point does not hide itself
  const Visibility visibility(static_cast<std::int64_t>(points.size()), static_cast<std::int64_t>(triangles.size()));
  std::vector<double> seen(points.size()), all(points.size());
  std::vector<Vec3> screen(points.size());
  for (int k = 0; k < directions; ++k) {
    // Evenly over the sphere: a spiral from pole to pole.
    const double y = 1 - (2 * k + 1.0) / directions, r = std::sqrt(1 - y * y), turn = golden_turn * k;
    const Vec3 towards{r * exact_cos(turn), y, r * exact_sin(turn)};
    const Vec3 right = unit(cross(std::abs(y) < 0.9 ? Vec3{0, 1, 0} : Vec3{1, 0, 0}, towards)),
               up = cross(towards, right);
    const auto project = [&](const Vec3& p) {
      const double scale = 0.5 * static_cast<double>(size) / reach;
      return Vec3{0.5 * size + scale * dot(p, right), 0.5 * size - scale * dot(p, up), far - dot(p, towards)};
    };
    for (std::size_t v = 0; v < points.size(); ++v) screen[v] = project(points[v]);
    const std::vector<std::int32_t> nearest = visibility.nearest(screen, triangles, size);
    for (std::size_t v = 0; v < points.size(); ++v) {
      const double cosine = dot(normals[v], towards);
      if (cosine <= 0) continue;
      all[v] += cosine;
      const Vec3 at = project(points[v] + normals[v] * raised);
      const auto column = static_cast<std::int64_t>(std::floor(at.x)),
                 row = static_cast<std::int64_t>(std::floor(at.y));
      std::int32_t triangle = -1;
      if (column >= 0 && row >= 0 && column < size && row < size)
        triangle = nearest[static_cast<std::size_t>(row * size + column)];
      if (triangle < 0) {
        seen[v] += cosine;
        continue;
      }
      // The plane of what is nearest, where the point is: a pixel is larger than what matters here.
      const Corners there = corners_at(screen, triangles[static_cast<std::size_t>(triangle)],
                                       static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5);
      constexpr double tolerance = 0.015;
      if (there.nearness * (at.z - tolerance) <= 1) seen[v] += cosine;
    }
  }
  for (std::size_t v = 0; v < points.size(); ++v) seen[v] = all[v] > 0 ? seen[v] / all[v] : 1;
  return seen;
}

}  // namespace g2face::face
