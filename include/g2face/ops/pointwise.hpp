#pragma once
// A chain of elementwise ops as one pass over memory. Plans make it out of unary, binary and select; models do not
// write it.

#include <string>
#include <vector>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face {

/// One operation on registers. Registers 0..inputs-1 hold the inputs; instruction i writes register inputs + i.
struct PointwiseInstruction {
  enum class Kind : std::uint8_t { unary, binary, select };
  Kind kind = Kind::unary;
  UnaryAttrs unary = {};         // kind unary, of source[0]
  Binary binary = Binary::add;   // kind binary, of source[0], source[1]
  std::vector<int> source = {};  // select: condition, a, b
  bool operator==(const PointwiseInstruction&) const = default;
};

struct PointwiseAttrs {
  Shape shape;  // of every result: what all inputs broadcast to
  std::vector<PointwiseInstruction> program;
  std::vector<int> results;  // registers that are outputs
  bool operator==(const PointwiseAttrs&) const = default;
  std::string str() const;
};

/// R1: inputs have one floating dtype.  R2: each input broadcasts to `shape`.  R3: sources and results name registers
/// that are already written. No gradient: plans make it after differentiation. Bitwise reproducible.
std::vector<Value> pointwise(std::span<const Value> in, const PointwiseAttrs& attrs);

extern const OpDef pointwise_op;

}  // namespace g2face
