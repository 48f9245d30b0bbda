#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct BatchNormAttrs {
  double eps = 1e-5;
  bool operator==(const BatchNormAttrs&) const = default;
  std::string str() const;
};

/// Applies stored statistics (evaluation mode; training mode is a layer of nn/layers.hpp, from moments).
///   y = (x - mean) / sqrt(var + eps) * weight + bias        x [N,C,...]; mean, var, weight, bias [C] -> y as x
/// R1: x has rank >= 2.  R2: the four are [C].  R3: the same floating dtype.
/// Formula: x * s + (bias - mean * s) with s = weight * rsqrt(var + eps), so that s and the shift fold at load.
Value batch_norm(Value x, Value mean, Value var, Value weight, Value bias, const BatchNormAttrs& attrs = {});

extern const OpDef batch_norm_op;

}  // namespace g2face
