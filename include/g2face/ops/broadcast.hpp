#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct BroadcastAttrs {
  Shape shape;
  bool operator==(const BroadcastAttrs&) const = default;
  std::string str() const { return shape.str(); }
};

/// Repeats along axes of extent 1 (or missing leading axes) up to `shape`, by NumPy's rule.
/// R1: x.shape() broadcasts to exactly `shape`.  Gradient: closed (sum_to). Any dtype.
Value broadcast_to(Value x, const Shape& shape);

extern const OpDef broadcast_op;

}  // namespace g2face
