#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct InstanceNormAttrs {
  double eps = 1e-5;
  bool operator==(const InstanceNormAttrs&) const = default;
  std::string str() const;
};

/// Normalises each channel of each sample over its pixels; no affine part, no running statistics.
///   y = (x - mean) * rstd over (H,W)        x [N,C,H,W] -> y as x
/// R1: x has rank 4.  Formula: moments and arithmetic.  Biased variance. Source: Ulyanov et al. 2016.
Value instance_norm(Value x, const InstanceNormAttrs& attrs = {});

extern const OpDef instance_norm_op;

}  // namespace g2face
