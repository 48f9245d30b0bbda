#pragma once
// Small meshes.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face::testing {

/// i32 [F,3]
inline Tensor table(const std::vector<std::int32_t>& corners) {
  Tensor t(Type{DType::i32, {static_cast<std::int64_t>(corners.size() / 3), 3}});
  std::copy(corners.begin(), corners.end(), t.mutable_as<std::int32_t>().begin());
  return t;
}

/// Two triangles for each cell of rows x columns vertices, counter-clockwise where rows go down and columns right.
inline Tensor grid_triangles(std::int32_t rows, std::int32_t columns) {
  std::vector<std::int32_t> corners;
  for (std::int32_t r = 0; r + 1 < rows; ++r) {
    for (std::int32_t c = 0; c + 1 < columns; ++c) {
      const std::int32_t a = r * columns + c, b = a + 1, below = a + columns;
      corners.insert(corners.end(), {a, below, b, b, below, below + 1});
    }
  }
  return table(corners);
}

}  // namespace g2face::testing
