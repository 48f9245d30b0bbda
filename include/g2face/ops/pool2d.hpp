#pragma once
// Maximum over windows. Means over windows: global means are mean(x, {2, 3}).

#include <array>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct Pool2dAttrs {
  std::array<std::int64_t, 2> kernel = {2, 2}, stride = {2, 2}, pad = {0, 0};  // (vertical, horizontal)
  bool ceil_mode = false;  // round the output size up; a window must begin inside the input or its left padding
  bool operator==(const Pool2dAttrs&) const = default;
  std::string str() const;
};

/// y = maximum over each window of x [N,C,H,W]; padding never wins.
/// R1: x has rank 4 and a floating dtype.  R2: kernel and stride positive, 0 <= 2 pad <= kernel, window fits.
/// Gradient: to the first maximum of the window in row-major order; closed (max_pool2d_grad, max_pool2d_pick).
Value max_pool2d(Value x, const Pool2dAttrs& attrs);
/// Adds dy, of the shape of the pooled output, to where each window of x has its first maximum: shape of x.
/// R3: dy has the pooled shape. Gradient for dy: max_pool2d_pick; for x: zero.
Value max_pool2d_grad(Value x, Value dy, const Pool2dAttrs& attrs);
/// Reads g, of the shape of x, where each window of x has its first maximum: pooled shape. R4: g has the shape of x.
/// Gradient for g: max_pool2d_grad; for x: zero.
Value max_pool2d_pick(Value x, Value g, const Pool2dAttrs& attrs);

extern const OpDef max_pool2d_op, max_pool2d_grad_op, max_pool2d_pick_op;

}  // namespace g2face
