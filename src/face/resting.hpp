#pragma once
// Where the points of any face model lie on the built-in head at rest.

#include <array>
#include <span>
#include <vector>

#include "face/exact_math.hpp"

namespace g2face::face {

/// The 68 landmarks of the built-in head at rest, mm.
std::array<Vec3, 68> resting_landmarks();

/// Points of another model, given its landmarks: an affine map and what is left, spread by distance, so that its
/// landmarks come to lie on those of the head at rest (polyharmonic spline of |r|; Duchon 1977). Its own points come
/// out as they are. Throws Error if the landmarks lie in a plane.
std::vector<Vec3> to_resting_head(std::span<const Vec3> points, std::span<const Vec3> landmarks);

/// Moves what landmarks say little about, the skull from the forehead's upper half backwards, along rays from its
/// middle onto the built-in head at rest: so hair of that head lies on this one's scalp. Ears and face stay.
void lay_skull_on_resting_head(std::span<Vec3> resting);

}  // namespace g2face::face
