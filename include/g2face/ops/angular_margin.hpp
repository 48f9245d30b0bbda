#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct AngularMarginAttrs {
  double margin = 0.5;  // radians, 0 .. pi/2
  double scale = 64;
  bool operator==(const AngularMarginAttrs&) const = default;
  std::string str() const;
};

/// Logits of ArcFace (Deng et al. 2019): the angle to the right class is made larger by a margin.
///   y[n,c] = scale * (c == label[n] ? phi(x[n,c]) : x[n,c])        x [N,C] cosines, labels i32 [N] -> y [N,C]
///   phi(cos t) = cos(t + m) = cos t cos m - sin t sin m   where t + m < pi, that is where cos t > -cos m
///              = cos t - m sin m                          beyond, where cos(t + m) would rise again
/// The second line is that of the authors' code: phi stays decreasing in t (it drops where the lines meet).
/// R1: x is f32 or f64 of rank 2.  R2: labels are i32 [N].  R3: the margin lies in 0 .. pi/2, the scale is positive.
/// sin t is sqrt(1 - cos^2 t), taken of at least 1e-6: so gradients are finite at t = 0, where the square root has
/// none, and cosines that rounding put beyond 1 are harmless. Formula, on the N cosines of the right classes. A label
/// outside 0 .. C-1 changes nothing in its row.
Value angular_margin(Value x, Value labels, const AngularMarginAttrs& attrs = {});

extern const OpDef angular_margin_op;

}  // namespace g2face
