#pragma once

#include <span>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct ConcatAttrs {
  int axis = 1;
  bool operator==(const ConcatAttrs&) const = default;
  std::string str() const;
};

/// Joins values along an axis.
/// R1: there is at least one value.  R2: the axis exists.  R3: dtypes and all other extents agree.
/// Gradient: closed (slices). Any dtype.
Value concat(std::span<const Value> values, int axis);
inline Value concat(std::initializer_list<Value> values, int axis) {
  return concat(std::span(values.begin(), values.size()), axis);
}

extern const OpDef concat_op;

}  // namespace g2face
