#pragma once
// The rules that ops on meshes share, and their indices in the reference loops.

#include <array>

#include "g2face/graph/op.hpp"

namespace g2face {

inline void check_vertices(const Type& t) {
  check<ShapeError>(t.shape.rank() == 3 && t.shape[2] == 3 && is_float(t.dtype), "vertices ", t.str(),
                    " must be [N,V,3] of a floating dtype (R1)");
}

inline void check_indices(const Type& t, const Shape& want, const char* name, const char* rule) {
  const Type wanted{DType::i32, want};
  check<ShapeError>(t == wanted, name, " ", t.str(), " must be ", wanted.str(), " (", rule, ")");
}

inline void check_triangles(const Type& t, const char* rule = "R2") {
  check<ShapeError>(t.dtype == DType::i32 && t.shape.rank() == 2 && t.shape[1] == 3, "triangles ", t.str(),
                    " must be i32 [F,3] (", rule, ")");
}

inline void check_corners(const Type& t, std::int64_t vertices, std::int64_t triangles, const char* rule) {
  check_indices(t, {vertices + 1 + 3 * triangles}, "corners", rule);
}

inline void check_ids(const Type& t, std::int64_t samples, const char* rule) {
  check<ShapeError>(t.dtype == DType::i32 && t.shape.rank() == 3 && t.shape[0] == samples, "ids ", t.str(),
                    " must be i32 [", samples, ",H,W] (", rule, ")");
}

inline void check_raster(const Type& ids, const Type& boxes, std::int64_t samples, std::int64_t triangles,
                         const char* rule) {
  check_ids(ids, samples, rule);
  check_indices(boxes, {samples, triangles, 4}, "boxes", rule);
}

/// The corners of triangle f of input `triangles`; false if there is no such triangle or a corner is no vertex.
inline bool corners_of(const ReferenceArgs& args, int triangles, std::int64_t f, std::int64_t vertices,
                       std::array<std::int64_t, 3>& corner) {
  if (f < 0 || f >= args.in_shape(triangles)[0]) return false;
  bool good = true;
  for (std::size_t k = 0; k < 3; ++k) {
    corner[k] = static_cast<std::int64_t>(args.in(triangles)[static_cast<std::size_t>(3 * f) + k]);
    good = good && corner[k] >= 0 && corner[k] < vertices;
  }
  return good;
}

}  // namespace g2face
