#pragma once

#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct GatherAttrs {
  int axis = 0;
  std::vector<std::int64_t> index;  // into that axis of x; may repeat
  std::int64_t extent = 0;          // of that axis of x; gather() fills it in
  bool operator==(const GatherAttrs&) const = default;
  std::string str() const;
};

/// Picks slices along an axis, at indices that are known when the graph is built.
///   y[.., i, ..] = x[.., index[i], ..]
/// R1: the axis exists.  R2: every index lies inside it.  Gradient: closed (gather_grad). Any dtype.
Value gather(Value x, int axis, std::vector<std::int64_t> index);
/// The adjoint: adds slices up where indices repeat, in ascending order of i; zeros where none points. R3: the axis
/// of dy has as many slices as there are indices.
Value gather_grad(Value dy, const GatherAttrs& attrs);

extern const OpDef gather_op, gather_grad_op;

}  // namespace g2face
