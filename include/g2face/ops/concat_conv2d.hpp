#pragma once

#include <span>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// A 1x1 convolution of values joined along their channels, without joining them in memory.
///   y = conv2d(concat(xs, 1), w)          xs [N,Ci,H,W], w [O,sum of Ci,1,1] -> y [N,O,H,W]
/// R1: there is at least one x; all have rank 4 and agree but for their channels.  R2: w is [O,sum of Ci,1,1].
/// R3: the same floating dtype.
/// Formula: the line above. Reproducible, whatever the number of threads.
Value concat_conv2d(std::span<const Value> xs, Value w);
inline Value concat_conv2d(std::initializer_list<Value> xs, Value w) {
  return concat_conv2d(std::span(xs.begin(), xs.size()), w);
}

extern const OpDef concat_conv2d_op;

}  // namespace g2face
