#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct Resize2dAttrs {
  std::int64_t height = 0, width = 0;
  bool operator==(const Resize2dAttrs&) const = default;
  std::string str() const;
};

/// Nearest-neighbour resize: source index floor(i * in / out), no half-pixel shift (the product and quotient in
/// float32, as PyTorch's legacy "nearest").
///   x [N,C,H,W] -> y [N,C,height,width]
/// R1: x has rank 4.  R2: height and width are positive.  Formula: two gathers.
Value resize2d_nearest(Value x, const Resize2dAttrs& attrs);

/// The source index of each of `out` positions.
std::vector<std::int64_t> nearest_index(std::int64_t in, std::int64_t out);

extern const OpDef resize2d_op;

}  // namespace g2face
