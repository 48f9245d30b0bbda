#pragma once

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Blends pixels across the edges that silhouettes() found, in proportion to what the edge covers of them.
///   image [N,C,H,W], distances d [N,4,H,W] (left, right, top, bottom) -> y as image
/// A pixel p and its neighbour q on one side, d being p's distance on that side: for d < 1/2 the edge leaves 1/2 - d of
/// p to q, so y_p gains (1/2 - d) (image_q - image_p); for d > 1/2, q gets (d - 1/2) (image_p - image_q). The weights
/// of a pixel are divided by their sum where that is above 1, so that a result is always a mean of colours. Outside of
/// the picture everything is 0. R1: image has rank 4 and a floating dtype.  R2: distances are [N,4,H,W] of that dtype.
/// The result is continuous in d where the colours are, and changes by the area that an edge sweeps: its gradient is
/// that of coverage (docs/rendering.md). Gradient: antialias_grad; at exactly d = 1/2 that of d is 0.
Value antialias(Value image, Value distances);

struct AntialiasGradients {
  Value image, distances;
};
/// The gradients of antialias for a cotangent dy, which is as image. R3: dy has the type of image.
/// Each pixel sums what it and its neighbours say, in a fixed order. Formula: of slices, pads and elementwise ops.
AntialiasGradients antialias_grad(Value dy, Value image, Value distances);

extern const OpDef antialias_op, antialias_grad_op;

}  // namespace g2face
