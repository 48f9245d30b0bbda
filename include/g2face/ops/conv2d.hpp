#pragma once
// Convolution (cross-correlation) and its two gradients: three ops, closed under differentiation.

#include <array>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Pairs are (vertical, horizontal). Padding is zeros, the same on both sides.
struct Conv2dAttrs {
  std::array<std::int64_t, 2> stride = {1, 1};
  std::array<std::int64_t, 2> pad = {0, 0};
  std::int64_t groups = 1;
  // Filled in by the builders, so that each of the three ops can infer its shape.
  std::array<std::int64_t, 2> kernel = {0, 0};
  std::array<std::int64_t, 2> input = {0, 0};
  bool operator==(const Conv2dAttrs&) const = default;
  std::string str() const;
};

///   y[n,o,i,j] = sum over c,u,v of w[o,c,u,v] x[n,c, i*sh + u - ph, j*sw + v - pw]
///   x [N,C,H,W], w [O,C/groups,kh,kw] -> y [N,O,(H+2ph-kh)/sh+1,(W+2pw-kw)/sw+1]
/// R1: x and w have rank 4 and the same floating dtype.  R2: w takes C/groups channels.  R3: groups divides C and O.
/// R4: strides are positive, pads not negative, and the kernel fits the padded input.
/// Gradient: closed. Reproducible for a given thread count.
Value conv2d(Value x, Value w, const Conv2dAttrs& attrs = {});

/// The gradient for x of conv2d: dy [N,O,h,w], w -> [N,C,attrs.input]. R5: dy has the size conv2d would give.
Value conv2d_input_grad(Value dy, Value w, const Conv2dAttrs& attrs);

/// The gradient for w of conv2d: x, dy -> [O,C/groups,attrs.kernel]. R5 as above.
Value conv2d_weight_grad(Value x, Value dy, const Conv2dAttrs& attrs);

/// The transposed convolution: x [N,O,h,w], w [O,C/groups,kh,kw] -> [N,C,(h-1)*sh+kh-2ph,(w-1)*sw+kw-2pw].
/// It is conv2d_input_grad for the smallest input that gives h, w.
Value conv_transpose2d(Value x, Value w, const Conv2dAttrs& attrs);

extern const OpDef conv2d_op, conv2d_input_grad_op, conv2d_weight_grad_op;

}  // namespace g2face
