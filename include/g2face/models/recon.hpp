#pragma once
// Shape, expression, pose and light of a face: the regressor of Deep3DFaceRecon (Deng et al. 2019), a ResNet.

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// conv7x7 with stride 2, batch norm, ReLU, 3x3 max pooling with stride 2.   x [N,3,H,W] -> [N,width,~H/4,~W/4]
Value recon_stem(const Scope& s, Value x, std::int64_t width);

/// relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut): 1x1, 3x3 (with the stride), 1x1, the last one
/// 4 times as wide. The shortcut is x, or downsample.0 and .1 where the stride is not 1 or the width changes.
///   x [N,C,H,W] -> [N,4*width,(H-1)/stride+1,(W-1)/stride+1]
Value recon_block(const Scope& s, Value x, std::int64_t width, std::int64_t stride);

/// Seven 1x1 convolutions of the pooled features, in the order of the result: identity 80, expression 64, texture 80,
/// angles 3 (radians), light 27, translation x, y (2) and z (1).   pooled [N,C,1,1] -> [N,257]
Value recon_head(const Scope& s, Value pooled);

/// The 257 coefficients of a face.   image [N,3,H,W], in 0..1 (not -1..1) -> [N,257]
/// The network was made for aligned crops of 224x224; the reference feeds 256x256 as it is.
Value recon(const Scope& s, Value image, const ModelConfig& config = {});

}  // namespace g2face
