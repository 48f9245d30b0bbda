#pragma once

#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct PadAttrs {
  std::vector<std::int64_t> before, after;  // one for each axis, not negative
  bool operator==(const PadAttrs&) const = default;
  std::string str() const;
};

/// Surrounds x with zeros.  R1: before and after have one entry >= 0 for each axis.  Gradient: closed (slice).
Value pad(Value x, std::vector<std::int64_t> before, std::vector<std::int64_t> after);

extern const OpDef pad_op;

}  // namespace g2face
