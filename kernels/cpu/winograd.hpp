#pragma once
// Winograd kernels of our own for the convolutions that cost most: 3x3, 3x3 and 4x4 with stride 2, the transposed ones
// of these, and gradients of weights (1x1 too). Weights keep their size (their transform is made while running and
// stays in the caches), the workspace is a few megabytes (of gradients of weights some tens), and results do not depend
// on the number of threads. f32; the error is 0.7 to 1.1e-6 (relative L2), that of a direct convolution 0.2e-6, so
// Precision::strict never gets them.

#include "kernels/cpu/kernels.hpp"

namespace g2face::cpu {

/// Nothing unless precision is fast, images have the native blocked layout, channels are multiples of 16 and the size
/// is one at which the kernel beats oneDNN. 3x3 with stride 2: only for weights that are not known.
MaybeStep winograd_conv2d(const Conv2dAttrs& a, const Signature& s);
MaybeStep winograd_conv2d_input_grad(const Conv2dAttrs& a, const Signature& s);
MaybeStep winograd_conv2d_weight_grad(const Conv2dAttrs& a, const Signature& s);

}  // namespace g2face::cpu
