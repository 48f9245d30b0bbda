#pragma once
// How much light from all around reaches the points of a mesh.

#include <vector>

#include "face/visibility.hpp"

namespace g2face::face {

/// For each vertex the share of a bright sky all around that it sees, 0..1, weighted with the cosine to its normal: 1
/// on a convex body, little in a nostril. Looks from many directions which triangle is nearest. Lengths in decimetres;
/// the mesh lies within `reach` of the origin.
std::vector<double> openness_of(const std::vector<Vec3>& points, const std::vector<Vec3>& normals,
                                const Triangles& triangles, double reach);

}  // namespace g2face::face
