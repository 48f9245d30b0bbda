#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct ReshapeAttrs {
  Shape shape;
  bool operator==(const ReshapeAttrs&) const = default;
  std::string str() const { return shape.str(); }
};

/// The same elements in row-major order under another shape.  R1: equal element counts.  Gradient: closed.
/// Costs nothing: a plan lets both share memory.
Value reshape(Value x, const Shape& shape);

extern const OpDef reshape_op;

}  // namespace g2face
