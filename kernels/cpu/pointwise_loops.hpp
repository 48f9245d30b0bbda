#pragma once
// One instruction over a tile.

#include <cstdint>

#include "g2face/ops/pointwise.hpp"

namespace g2face::cpu {

/// Operands of one instruction over n elements; y may be any of the sources, not part of one.
struct TileArgs {
  float* y;
  const float* x[3];
  std::int64_t n;
  float a, b;  // the constants of a unary function
};
using TileLoop = void (*)(const TileArgs&);

/// The loop for an instruction, for the best instruction set of this machine.
TileLoop tile_loop(const PointwiseInstruction& instruction);

}  // namespace g2face::cpu
