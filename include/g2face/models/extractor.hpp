#pragma once
// Reads the hidden bits back from the pixels (the paper's PE module, "password extraction").

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// Two branches side by side, all with batch norm and leaky ReLU 0.1: 1x1 then 3x3, and 1x1; joined in this order.
///   x [N,C,H,W] -> [N,2*branch,H,W]
Value extractor_block(const Scope& s, Value x, std::int64_t branch);

/// A logit for each 2x2 pixels.   image [N,3,H,W] of any size -> [N,1,(H+1)/2,(W+1)/2]
Value extractor_map(const Scope& s, Value image, const ModelConfig& config = {});

/// Logits of the hidden bits, positive for 1; the map above in row-major order.
///   image [N,3,R,R], -1..1 and not clipped -> [N,bit_rows,32].  Throws ShapeError for any other size.
Value hiding_extractor(const Scope& s, Value image, const ModelConfig& config = {});

}  // namespace g2face
