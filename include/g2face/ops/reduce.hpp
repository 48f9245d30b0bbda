#pragma once
// Sums over axes.

#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct ReduceAttrs {
  std::vector<int> axes;   // ascending, counted from 0
  bool keep_dims = false;  // keep summed axes with extent 1
  bool operator==(const ReduceAttrs&) const = default;
  std::string str() const;
};

/// Sums over axes, in an order that is fixed for a given shape and thread count.
/// R1: x has a floating dtype.  R2: axes ascend and exist.  Gradient: closed (broadcast_to).
Value sum(Value x, const ReduceAttrs& attrs);
/// Over all axes: shape [].
Value sum(Value x);
Value mean(Value x, const ReduceAttrs& attrs);
Value mean(Value x);
/// Sums over what broadcasting to x.shape() from `shape` would repeat: the adjoint of broadcast_to.
Value sum_to(Value x, const Shape& shape);

extern const OpDef reduce_op;

}  // namespace g2face
