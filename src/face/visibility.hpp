#pragma once
// Which triangle is nearest at each sample of a picture: the op rasterize, ready to run from any thread.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "face/exact_math.hpp"

namespace g2face::face {

using Triangles = std::vector<std::array<std::int32_t, 3>>;

/// Rasterizers for meshes of up to so many vertices and triangles, made when first needed. Threads may share it.
class Visibility {
 public:
  Visibility(std::int64_t vertices, std::int64_t triangles);
  ~Visibility();
  Visibility(const Visibility&) = delete;
  Visibility& operator=(const Visibility&) = delete;

  /// The triangle at each sample of a square picture, row by row; -1 where there is none. `screen` holds x, y (down) in
  /// samples, whose centres lie at (column + 0.5, row + 0.5), and the depth. Both sides of triangles are seen.
  std::vector<std::int32_t> nearest(const std::vector<Vec3>& screen, const Triangles& triangles,
                                    std::int64_t size) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A triangle seen at a point of the picture.
struct Corners {
  std::array<std::size_t, 3> vertex{};
  std::array<double, 3> weight{};  // corrected for perspective
  double nearness = 0;             // 1 / depth
  bool back = false;               // its back is seen

  template <class T>
  T operator()(const std::vector<T>& of) const {
    return of[vertex[0]] * weight[0] + of[vertex[1]] * weight[1] + of[vertex[2]] * weight[2];
  }
};
Corners corners_at(const std::vector<Vec3>& screen, const std::array<std::int32_t, 3>& triangle, double x, double y);

}  // namespace g2face::face
