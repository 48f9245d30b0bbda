#pragma once
// Shades what is seen of a posed person.

#include <cstdint>
#include <vector>

#include "face/appearance.hpp"
#include "face/visibility.hpp"
#include "g2face/tensor.hpp"

namespace g2face::face {

/// A mesh in a picture.
struct Scene {
  std::vector<Vec3> screen;        // samples, y down, depth
  std::vector<Vec3> normals;       // in camera axes: to the viewer is +z
  std::vector<Vec3> resting;       // mm on the head at rest
  std::vector<std::int32_t> seen;  // the triangle at each sample
  Corners at(const Triangles& triangles, std::size_t sample, std::int64_t samples) const {
    const std::int64_t row = static_cast<std::int64_t>(sample) / samples,
                       column = static_cast<std::int64_t>(sample) % samples;
    return corners_at(screen, triangles[static_cast<std::size_t>(seen[sample])], static_cast<double>(column) + 0.5,
                      static_cast<double>(row) + 0.5);
  }
};

struct Picture {
  std::int64_t samples;  // in each direction
  const Person& person;
  const Shot& shot;
  const Triangles& triangles;
  const std::vector<std::int32_t>& parts;  // of vertices
  const std::vector<Vec3>& shape;          // of the head in its own axes
  std::array<Vec3, 2> eyes;                // centres of the eyeballs in the same axes: parts 2 and 3
  const Scene& head;
  const Triangles& hair_triangles;
  const Scene& hair;  // its screen is empty if there is none
  /// Of a model that is skin and eyeballs alone, how open its vertices lie: nostrils are holes, and what shows its back
  /// is the inside of the mouth. Empty for a head with a mouth.
  const std::vector<double>& open;
};

constexpr std::int64_t samples_across = 2;  // of a pixel, in each direction
constexpr std::int32_t part_background = -1, part_hair = 6;

/// Unit normals of vertices: sums of the triangles' normals by area.
std::vector<Vec3> vertex_normals(const std::vector<Vec3>& points, const Triangles& triangles);

/// Whether hair is what a sample shows.
bool shows_hair(const Picture& picture, std::size_t sample);

/// The picture, f32 [1,3,size,size] in -1..1, and the parts, i32 [1,1,size,size].
struct Painted {
  Tensor image, parts;
};
Painted paint(const Picture& picture);

}  // namespace g2face::face
