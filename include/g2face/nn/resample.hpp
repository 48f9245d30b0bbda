#pragma once

#include <cstdint>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// A part of an image, in fractions of its width (x and size) and height (y and size). The default is all of it.
struct ImageSquare {
  double x = 0, y = 0, size = 1;
  bool operator==(const ImageSquare&) const = default;
};

/// Resizes a part of an image with a triangle filter, as wide as the larger of a pixel there and one here: bilinear
/// interpolation where it enlarges, an antialiasing mean where it reduces. Pixels are areas: no shift by half a pixel.
///   x [N,C,H,W] -> y [N,C,size,size],  y = R x C^T
///   R[i,k] ~ max(0, 1 - |k + 1/2 - c_i| / max(1, s)),  c_i = H part.y + (i + 1/2) s,  s = H part.size / size
/// where each row of R is divided by its sum; C is the same of W and part.x. Taps may lie beside the part, but not
/// outside the image. Two matrix products, and so differentiable. Throws ShapeError unless x has rank 4, size is
/// positive and the part lies in the image and is not empty.
Value resample(Value x, const ImageSquare& part, std::int64_t size);

}  // namespace g2face
