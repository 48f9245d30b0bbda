#pragma once
// What happens to a picture between hiding bits in it and reading them.

#include "g2face/graph/graph.hpp"

namespace g2face {

/// In this order. All of it lets gradients pass.
struct ChannelOptions {
  double noise = 0.01;  // standard deviation of normal noise, in units of a picture's -1..1
  bool round = false;   // to 8 bits, see round_to_bytes
  bool operator==(const ChannelOptions&) const = default;
};

///   image [N,3,H,W], -1..1, seeds i64 [N] -> as image
Value channel(Value image, Value seeds, const ChannelOptions& options);

/// x clipped to -1..1 and rounded to the nearest of the 256 levels that a saved picture can have, -1 and 1 among them,
/// to within 1/1000 of a level. The gradient is that of clipping (straight-through).
Value round_to_bytes(Value x);

}  // namespace g2face
