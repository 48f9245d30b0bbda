#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct AffineSample2dAttrs {
  std::int64_t height = 0, width = 0;  // of the result
  // In place of the bilinear weights of an axis their derivatives for the position: the slope of what is sampled.
  bool slope_x = false, slope_y = false;
  bool operator==(const AffineSample2dAttrs&) const = default;
  std::string str() const;
};

/// Samples images where affine maps point, bilinearly; beyond an image lie zeros.
///   x [N,C,H,W], map [N,2,3] -> y [N,C,height,width]
///   y[n,c,i,j] = x[n,c] at (column, row) = map[n] (j - (width-1)/2, i - (height-1)/2, 1) + ((W-1)/2, (H-1)/2)
/// Positions count in pixels from the centres of both images, and are computed in double. One that is not finite lies
/// beyond the image.
/// R1: x has rank 4 and a floating dtype.  R2: map is [N,2,3] of that dtype.  R3: height and width are positive.
/// Gradient: closed, to x (affine_sample2d_grad) and to map. Where a position falls on a pixel, the slope is that to
/// its right and below.
Value affine_sample2d(Value x, Value map, const AffineSample2dAttrs& attrs);
/// The adjoint for x: dy [N,C,h,w] -> images [N,C,height,width]; the settings are those of x here. Each element is a
/// sum over the elements of dy that read it, row by row: bitwise reproducible.
Value affine_sample2d_grad(Value dy, Value map, const AffineSample2dAttrs& attrs);

extern const OpDef affine_sample2d_op, affine_sample2d_grad_op;

}  // namespace g2face
