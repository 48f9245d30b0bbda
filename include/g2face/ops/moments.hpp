#pragma once

#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct MomentsAttrs {
  std::vector<int> axes;  // ascending
  double eps = 1e-5;
  bool operator==(const MomentsAttrs&) const = default;
  std::string str() const;
};

struct Moments {
  Value mean;  // shape of x with extent 1 on the summed axes
  Value rstd;  // 1 / sqrt(variance + eps), biased variance
};

/// Mean and reciprocal standard deviation over axes, what every normalisation needs.
/// R1: x has a floating dtype.  R2: axes ascend and exist.  R3: eps >= 0.
/// Formula: mean = E x; rstd = rsqrt(E (x - mean)^2 + eps). Kernels merge partial means and squared deviations in a
/// fixed order, never E x^2 - (E x)^2, which cancels.
Moments moments(Value x, const MomentsAttrs& attrs);

extern const OpDef moments_op;

}  // namespace g2face
