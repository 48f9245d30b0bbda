#pragma once
// A 1x1 convolution to a few channels, which has no use for a matrix product: ToRGB.

#include <cstdint>
#include <optional>
#include <string>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"

namespace g2face::cuda {

/// Whether there is a kernel for so many channels of x, in 16 or 32 bits, and of y.
bool few_outputs_suit(std::int64_t channels, std::int64_t outs, bool is_narrow);

/// The step of a signature (x, w) -> y of f32: x nhwc in 32 or 16 bits, y nchw of x's pixels; w_out and w_channel are
/// the strides of w. Nothing: it is not that, or few_outputs_suit says no.
std::optional<Step> few_outputs_step(const std::string& op, const Signature& s, std::int64_t w_out,
                                     std::int64_t w_channel);

}  // namespace g2face::cuda
