#pragma once

#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct TransposeAttrs {
  std::vector<int> order;  // axis i of the result is axis order[i] of x
  bool operator==(const TransposeAttrs&) const = default;
  std::string str() const;
};

/// Permutes axes; copies.  R1: order is a permutation of the axes of x.  Gradient: closed. Any dtype.
Value transpose(Value x, std::vector<int> order);

extern const OpDef transpose_op;

}  // namespace g2face
