#pragma once

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Blends pixels across the edges that silhouettes() found, in proportion to what the edge covers of them.
///   image [N,C,H,W], distances d [N,4,H,W] (left, right, top, bottom) -> y as image
/// A pixel p and its neighbour q on one side, d being p's distance on that side: for d < 1/2 the edge leaves 1/2 - d of
/// p to q, so y_p gains (1/2 - d) (image_q - image_p); for d > 1/2, q gets (d - 1/2) (image_p - image_q). The weights
/// of a pixel are divided by their sum where that is above 1, so that a result is always a mean of colours. R1: image
/// has rank 4 and a floating dtype.  R2: distances are [N,4,H,W] of that dtype. Formula: of slices, pads and
/// elementwise ops. The result is continuous in d where the colours are, and changes by the area that an edge sweeps:
/// its gradient is that of coverage (docs/rendering.md).
Value antialias(Value image, Value distances);

extern const OpDef antialias_op;

}  // namespace g2face
