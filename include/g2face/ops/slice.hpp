#pragma once

#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct SliceAttrs {
  std::vector<std::int64_t> begin, size;  // one for each axis
  bool operator==(const SliceAttrs&) const = default;
  std::string str() const;
};

/// A box of x; copies.
/// R1: begin and size have one entry for each axis.  R2: the box lies inside x.  Gradient: closed (pad). Any dtype.
Value slice(Value x, std::vector<std::int64_t> begin, std::vector<std::int64_t> size);
/// `size` elements from `begin` along one axis (negative axes count from the end), all along the others.
Value slice_axis(Value x, int axis, std::int64_t begin, std::int64_t size);

extern const OpDef slice_op;

}  // namespace g2face
