#pragma once
// A 1x1 convolution to a few channels, which has no use for a matrix product: ToRGB.

#include <cstdint>
#include <optional>
#include <string>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"

namespace g2face::cuda {

constexpr std::int64_t most_few_outputs = 4;

/// The step of a signature (x, w) -> y of f32: x nhwc in 32 or 16 bits, y nchw of x's pixels and at most
/// most_few_outputs channels; w_out and w_channel are the strides of w. Nothing: it is not that, or the channels of x
/// do not fill 16 bytes.
std::optional<Step> few_outputs_step(const std::string& op, const Signature& s, std::int64_t w_out,
                                     std::int64_t w_channel);

}  // namespace g2face::cuda
