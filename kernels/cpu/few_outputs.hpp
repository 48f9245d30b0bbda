#pragma once
// 1x1 convolutions with at most four output channels, blocked images to row-major ones: what makes RGB of features.

#include "kernels/cpu/kernels.hpp"

namespace g2face::cpu {

/// Nothing for any other convolution.
MaybeStep few_outputs_conv2d(const Conv2dAttrs& a, const Signature& s);

}  // namespace g2face::cpu
