#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct L2NormalizeAttrs {
  double eps = 1e-12;
  bool operator==(const L2NormalizeAttrs&) const = default;
  std::string str() const;
};

/// Scales vectors, which lie along the last axis, to unit length.
///   y[.., i] = x[.., i] / sqrt(sum_j x[.., j]^2 + eps)        x [..,C] -> y as x
/// R1: x has a floating dtype and rank 1 or more.  R2: eps is not negative.
/// Formula. A vector of zeros stays zero, and its gradient is dy / sqrt(eps).
Value l2_normalize(Value x, const L2NormalizeAttrs& attrs = {});

extern const OpDef l2_normalize_op;

}  // namespace g2face
