#pragma once
// Multi-indices for the reference loops.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "g2face/shape.hpp"

namespace g2face {

/// A position in a shape; entries at and beyond its rank are 0.
using Index = std::array<std::int64_t, Shape::max_rank>;

/// Visits every position of `shape` in row-major order.
template <class Visit>
void for_each_index(const Shape& shape, Visit&& visit) {
  Index at{};
  for (std::int64_t n = shape.numel(); n > 0; --n) {
    visit(static_cast<const Index&>(at));
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const auto i = static_cast<std::size_t>(axis);
      if (++at[i] < shape.begin()[i]) break;
      at[i] = 0;
    }
  }
}

/// Row-major place of a position in memory.
inline std::size_t flat(const Shape& shape, const Index& at) {
  std::int64_t place = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.rank()); ++i) place = place * shape.begin()[i] + at[i];
  return static_cast<std::size_t>(place);
}

/// Place in a value of shape `from` that is broadcast to rank `rank`, for the position `at` of the result.
inline std::size_t broadcast_flat(const Shape& from, const Index& at, int rank) {
  const auto offset = static_cast<std::size_t>(rank - from.rank());
  std::int64_t place = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(from.rank()); ++i) {
    const std::int64_t extent = from.begin()[i];
    place = place * extent + (extent == 1 ? 0 : at[i + offset]);
  }
  return static_cast<std::size_t>(place);
}

/// Whether a value of shape `from` broadcasts to exactly `to`.
inline bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int i = 1; i <= from.rank(); ++i)
    if (from[-i] != to[-i] && from[-i] != 1) return false;
  return true;
}

}  // namespace g2face
