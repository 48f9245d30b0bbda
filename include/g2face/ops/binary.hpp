#pragma once
// Elementwise functions of two values.

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

enum class Binary : std::uint8_t {
  add,
  sub,
  mul,
  div,
  maximum,  // gradient goes to x where x >= y
  minimum,  // gradient goes to x where x <= y
  greater,  // x > y ? 1 : 0; gradient 0
  equal,    // x == y ? 1 : 0; gradient 0
};

struct BinaryAttrs {
  Binary kind = Binary::add;
  bool operator==(const BinaryAttrs&) const = default;
  std::string str() const;
};

///   z = f(x, y)        shapes broadcast by NumPy's rule (aligned at the last axis, extents equal or 1)
/// R1: x and y have the same floating dtype.  R2: their shapes broadcast.
/// Gradient: closed; summed over broadcast axes. Bitwise reproducible.
Value binary(Value x, Value y, const BinaryAttrs& attrs);

Value operator+(Value x, Value y);
Value operator-(Value x, Value y);
Value operator*(Value x, Value y);
Value operator/(Value x, Value y);
Value maximum(Value x, Value y);
Value minimum(Value x, Value y);
Value greater(Value x, Value y);
Value equal(Value x, Value y);

extern const OpDef binary_op;

}  // namespace g2face
