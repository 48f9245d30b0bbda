#pragma once
// A convolution of an image with a few channels, whose windows are too small for a matrix product to pay: stems,
// pyramids, injected planes.

#include <cstdint>
#include <optional>
#include <string>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/conv2d.hpp"

namespace g2face::cuda {

/// Whether there is a kernel for a convolution of x to y. It reads x as nchw, and writes y as nchw if that has at most
/// four channels, else as features.
bool few_inputs_suit(const Conv2dAttrs& a, const Shape& x, const Shape& y);

/// The step of a signature (x, w) -> y of f32. Nothing: it has other layouts, w is not known, or few_inputs_suit says
/// no.
std::optional<Step> few_inputs_step(const std::string& op, const Conv2dAttrs& a, const Signature& s);

}  // namespace g2face::cuda
