#pragma once
// Which triangle is nearest at each sample of a picture.

#include <array>
#include <cstdint>
#include <vector>

#include "face/exact_math.hpp"

namespace g2face::face {

using Triangles = std::vector<std::array<std::int32_t, 3>>;

/// Samples of a square picture, row by row; the sample (column, row) lies at (column + 0.5, row + 0.5).
struct Visible {
  std::int64_t size = 0;
  std::vector<std::int32_t> triangle;  // -1: none
  std::vector<double> nearness;        // 1 / depth of what is seen; 0: nothing
};

/// `screen` holds x, y (down) in samples and the depth, which must be positive; both sides of triangles are seen.
Visible nearest(const std::vector<Vec3>& screen, const Triangles& triangles, std::int64_t size);

/// The weights of a triangle's corners at a point of the picture, corrected for perspective.
std::array<double, 3> weights_at(const std::vector<Vec3>& screen, const std::array<std::int32_t, 3>& triangle, double x,
                                 double y);

}  // namespace g2face::face
