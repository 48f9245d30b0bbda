#pragma once
// Who is it, in a fiftieth of the arithmetic of ArcFace's network: MobileFaceNet (Chen et al. 2018), in the form and
// with the parameter names of foamliu/MobileFaceNet.

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// An identity vector, not normalised; compare two by the cosine.
///   image [N,3,H,W], -1..1 -> [N,identity_dim]
/// The square config.identity_square() of the image is resampled to arcface_size (stage "resized_input"), normalised by
/// ImageNet's mean and deviation, and goes through
///   conv1    3x3, stride 2, batch norm, ReLU6
///   dw_conv  depthwise 3x3 and 1x1, each with batch norm and ReLU
///   features 15 inverted residuals: 1x1 and depthwise 3x3, each with batch norm and ReLU6; 1x1, batch norm; plus the
///            input where neither the size nor the width changes
///   conv2    1x1, batch norm, ReLU6
///   gdconv   a depthwise convolution as large as the features, batch norm
///   conv3    1x1 with bias, and `bn`.
/// Widths are multiples of arcface_width; upstream's are those of 64, and it has arcface_size 112 and identity_dim 128.
Value mobilefacenet(const Scope& s, Value image, const ModelConfig& config);

}  // namespace g2face
