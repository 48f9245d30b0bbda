#pragma once
// What the parts of the channel share.

#include "g2face/graph/graph.hpp"

namespace g2face {

/// x - round(x) to within 2^-11, without a gradient: what rounding takes away.
Value rest_of_rounding(Value x);

/// Weights of the triangle filter that widens when shrinking (Pillow's bilinear), [N,out,in]: from the first in_size of
/// `in` samples to the first out_size of `out`. Sizes are [N,1,1].
Value triangle_weights(std::int64_t in, Value in_size, std::int64_t out, Value out_size);

///   x [N,C,h,w], rows [N,H,h], columns [N,W,w] -> [N,C,H,W]
Value resample(Value x, Value rows, Value columns);

}  // namespace g2face
