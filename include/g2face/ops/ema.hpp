#pragma once

#include <span>
#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct EmaAttrs {
  double decay = 0.999;
  bool operator==(const EmaAttrs&) const = default;
  std::string str() const;
};

/// Exponential moving averages of any number of values.
///   a' = decay a + (1 - decay) x        averages a and values x, as many of each and of the same shapes -> averages a'
/// R1: there are as many averages as values, and at least one.  R2: the decay is at least 0 and at most 1.  R3: average
/// and value have one shape and floating dtype.
/// Results may take the memory of what they replace. On CUDA averages of f32 are one launch for each hundred or so.
/// Formula: affine(a, decay) + affine(x, 1 - decay).
std::vector<Value> ema(std::span<const Value> averages, std::span<const Value> values, const EmaAttrs& attrs = {});

extern const OpDef ema_op;

}  // namespace g2face
