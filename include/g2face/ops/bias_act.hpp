#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct BiasActAttrs {
  double slope = 0.2;
  double gain = 1.4142135623730951;
  bool operator==(const BiasActAttrs&) const = default;
  std::string str() const;
};

/// Adds a bias for each channel, applies a leaky ReLU, multiplies by a gain ("fused leaky ReLU").
///   y = gain * lrelu(x + b, slope)        x [N,C,...], b [C] -> y as x
/// R1: x has rank >= 2.  R2: b is [C].  R3: the same floating dtype.
/// Formula: gain * leaky_relu(x + b). At exactly 0 the derivative is gain * slope.
/// Source: Karras et al. 2020 (StyleGAN2), reference op/fused_act.
Value bias_act(Value x, Value b, const BiasActAttrs& attrs = {});

extern const OpDef bias_act_op;

}  // namespace g2face
