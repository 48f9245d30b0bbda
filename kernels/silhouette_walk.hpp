#pragma once
// Following a surface from a pixel's centre towards its neighbour's: what silhouettes computes on every device.

#include <cmath>

#include "kernels/raster.hpp"

namespace g2face::raster {

constexpr int directions = 4;          // left, right, top, bottom
constexpr double no_silhouette = 0.5;  // at half a pixel nothing is blended
constexpr int longest_walk = 256;      // triangles between two neighbouring centres

/// Where a surface ends.
struct End {
  double distance = no_silhouette;
  std::int32_t edge = -1;  // 3 triangle + the corner opposite to the edge
};

template <class T>
struct Surface {
  Faces faces;
  const std::int32_t* neighbours;
  const T* vertices;

  G2FACE_BOTH double at(std::int32_t vertex, int axis) const {
    return vertices[3 * static_cast<std::int64_t>(vertex) + axis];
  }
  /// Twice the area of a triangle in the image.
  G2FACE_BOTH double area(const std::int32_t (&v)[3]) const {
    const double ax = at(v[0], 0), ay = at(v[0], 1);
    return (at(v[1], 0) - ax) * (at(v[2], 1) - ay) - (at(v[1], 1) - ay) * (at(v[2], 0) - ax);
  }

  /// From the centre of pixel (column, row), which shows triangle t, in a direction. No edge if the surface goes on to
  /// the neighbour's centre.
  G2FACE_BOTH End follow(std::int64_t t, std::int64_t column, std::int64_t row, int direction) const {
    const int along = direction / 2, across = 1 - along;
    const double sign = direction % 2 == 0 ? -1 : 1;
    const double centre[2] = {static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5};
    std::int32_t v[3];
    if (!faces.corners(t, v)) return {};
    const double first_area = area(v);
    int entered = -1;  // the edge through which the walk came
    for (int step = 0; step < longest_walk; ++step) {
      // Of the two edges that the row or column of centres crosses, the farther one is the way out. What lies on it
      // counts as before it, since a centre on a left or top edge is inside.
      int out = -1;
      double distance = 0;
      for (int k = 0; k < 3; ++k) {
        const std::int32_t a = v[(k + 1) % 3], b = v[(k + 2) % 3];
        const double a_across = at(a, across), b_across = at(b, across);
        if (k == entered || (a_across <= centre[across]) == (b_across <= centre[across])) continue;
        const double part = (centre[across] - a_across) / (b_across - a_across);
        const double crossing = at(a, along) + (at(b, along) - at(a, along)) * part;
        const double found = sign * (crossing - centre[along]);
        if (out >= 0 && !(found > distance)) continue;
        out = k;
        distance = found;
      }
      if (out < 0 || !(distance <= 1 && distance > -1)) return {};
      const std::int64_t next = neighbours[3 * t + out];
      std::int32_t next_corners[3];
      if (!faces.corners(next, next_corners) || area(next_corners) * first_area < 0) {
        return {distance, static_cast<std::int32_t>(3 * t + out)};
      }
      entered = -1;
      for (int k = 0; k < 3; ++k) {
        if (neighbours[3 * next + k] == t) entered = k;
      }
      if (entered < 0) return {};
      t = next;
      for (int k = 0; k < 3; ++k) v[k] = next_corners[k];
    }
    return {};
  }

  G2FACE_BOTH double inverse_depth(std::int64_t t, std::int64_t column, std::int64_t row) const {
    std::int32_t v[3];
    if (!faces.corners(t, v)) return 0;
    return Seen::of(vertices, v, column, row).inverse_depth();
  }

  /// The ends around a pixel in all directions. ids(column, row) is what a pixel shows. axes: which of the horizontal
  /// (1) and vertical (2) directions may have any.
  template <class Ids>
  G2FACE_BOTH void ends(const Ids& ids, std::int64_t height, std::int64_t width, std::int64_t column, std::int64_t row,
                        End (&end)[directions], unsigned axes = 3) const {
    for (End& e : end) e = {};
    const std::int64_t own = ids(column, row);
    if (own < 0) return;
    const double own_depth = inverse_depth(own, column, row);
    double nearest[2] = {2, 2};  // of the horizontal and of the vertical ones
    for (int d = 0; d < directions; ++d) {
      const std::int64_t step = d % 2 == 0 ? -1 : 1, x = column + (d < 2 ? step : 0), y = row + (d < 2 ? 0 : step);
      if ((axes >> (d / 2) & 1u) == 0 || x < 0 || x >= width || y < 0 || y >= height) continue;
      const std::int64_t other = ids(x, y);
      if (other == own || (other >= 0 && !(own_depth > inverse_depth(other, x, y)))) continue;
      end[d] = follow(own, column, row, d);
      if (end[d].edge >= 0 && end[d].distance < nearest[d / 2]) nearest[d / 2] = end[d].distance;
    }
    const int dropped = nearest[0] <= nearest[1] ? 1 : 0;
    end[2 * dropped] = end[2 * dropped + 1] = {};
  }

  /// The gradient g of the distance to an edge, with respect to x and y of its two vertices: added to to[corner][axis]
  /// of the edge's triangle.
  G2FACE_BOTH void add_gradient(std::int32_t edge, std::int64_t column, std::int64_t row, int direction, double g,
                                double (&to)[9]) const {
    std::int32_t v[3];
    if (!faces.corners(edge / 3, v)) return;
    const int along = direction / 2, across = 1 - along;
    const int first = (edge % 3 + 1) % 3, second = (edge % 3 + 2) % 3;
    const double centre = static_cast<double>(along == 0 ? row : column) + 0.5;
    const double rise = at(v[second], across) - at(v[first], across);
    if (rise == 0) return;
    const double part = (centre - at(v[first], across)) / rise;
    const double slope = (at(v[second], along) - at(v[first], along)) / rise;
    const double signed_g = direction % 2 == 0 ? -g : g;
    to[3 * first + along] += signed_g * (1 - part);
    to[3 * second + along] += signed_g * part;
    to[3 * first + across] -= signed_g * (1 - part) * slope;
    to[3 * second + across] -= signed_g * part * slope;
  }
};

}  // namespace g2face::raster
