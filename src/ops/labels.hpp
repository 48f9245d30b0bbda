#pragma once
// What ops that compare classes with labels ask of both.

#include "g2face/graph/graph.hpp"

namespace g2face {

inline void check_labels(const Type& x, const Type& labels) {
  check<ShapeError>((x.dtype == DType::f32 || x.dtype == DType::f64) && x.shape.rank() == 2, "x ", x.str(),
                    " must be f32 or f64 of rank 2 (R1)");
  check<ShapeError>(labels == Type{DType::i32, {x.shape[0]}}, "labels ", labels.str(), " must be i32[", x.shape[0],
                    "], one for each row of x ", x.shape, " (R2)");
}

}  // namespace g2face
