#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct MinibatchStddevAttrs {
  std::int64_t group = 4;     // largest group; min(N, group) is used
  std::int64_t features = 1;  // channels appended
  double eps = 1e-8;
  bool operator==(const MinibatchStddevAttrs&) const = default;
  std::string str() const;
};

/// Appends to x the standard deviation over a group of samples, averaged over channels and pixels, as constant
/// channels. Sample n belongs to subgroup n mod (N / g), g = min(N, group).
///   x [N,C,H,W] -> y [N,C+features,H,W]
/// R1: x has rank 4.  R2: N is divisible by g.  R3: C is divisible by features.
/// Source: Karras et al. 2018 (progressive GAN); reference Discriminator.
Value minibatch_stddev(Value x, const MinibatchStddevAttrs& attrs = {});

extern const OpDef minibatch_stddev_op;

}  // namespace g2face
