#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct PixelNormAttrs {
  double eps = 1e-8;
  bool operator==(const PixelNormAttrs&) const = default;
  std::string str() const;
};

/// Divides by the root mean square over channels (axis 1).
///   y = x * rsqrt(mean(x^2, axis 1) + eps)        x [N,C,...] -> y as x
/// R1: x has rank >= 2 and a floating dtype. Source: Karras et al. 2018 (progressive GAN).
Value pixel_norm(Value x, const PixelNormAttrs& attrs = {});

extern const OpDef pixel_norm_op;

}  // namespace g2face
