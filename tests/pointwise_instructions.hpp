#pragma once
// Programs of the op pointwise, written short.

#include "g2face/ops/pointwise.hpp"

namespace g2face::test {

inline PointwiseInstruction apply(Unary kind, int x, double a = 1, double b = 0) {
  return {.kind = PointwiseInstruction::Kind::unary, .unary = {kind, a, b}, .source = {x}};
}
inline PointwiseInstruction apply(Binary kind, int x, int y) {
  return {.kind = PointwiseInstruction::Kind::binary, .binary = kind, .source = {x, y}};
}
inline PointwiseInstruction choose(int condition, int a, int b) {
  return {.kind = PointwiseInstruction::Kind::select, .source = {condition, a, b}};
}

}  // namespace g2face::test
