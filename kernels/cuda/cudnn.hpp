#pragma once
// cuDNN: convolutions by NVIDIA's library. The only file that knows it is cudnn.cpp.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/conv2d.hpp"

namespace g2face::cuda {

enum class ConvDirection : std::uint8_t { forward, input_grad, weight_grad };

/// Steps for a signature of conv2d or one of its gradients, the most promising first by the library's own estimate;
/// none if this build or machine has no cuDNN, or it has no way to do it. All operands are f32. Images are nchw, nhwc,
/// nhwc_bf16 or nhwc_f16, all of them the same; weights are nchw. Sums have a fixed order, in algorithms that multiply
/// and add (no Winograd, no Fourier transforms); products of f32 are of f32 in strict and fast, of tf32 in the other
/// precisions.
std::vector<Step> cudnn_steps(ConvDirection direction, const Conv2dAttrs& attrs, const Signature& s);

/// "9.19.0"; "none" if this machine lacks it; nothing if this build does.
std::optional<std::string> cudnn_version();

}  // namespace g2face::cuda
