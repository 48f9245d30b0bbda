#pragma once
// Who is it: ArcFace (Deng et al. 2019), an improved residual network (Duta et al. 2020).

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// conv3x3, batch norm, PReLU.   x [N,3,H,W] -> [N,width,H,W]
Value arcface_stem(const Scope& s, Value x, std::int64_t width);

/// x + bn3(conv2(prelu(bn2(conv1(bn1(x)))))): the stride is in conv2, nothing follows the sum. Where the stride is
/// not 1 or the width changes, x goes through a strided 1x1 convolution and a batch norm (downsample.0 and .1).
///   x [N,C,H,W] -> [N,out,(H-1)/stride+1,(W-1)/stride+1]
Value arcface_block(const Scope& s, Value x, std::int64_t out, std::int64_t stride);

/// bn2, flattening in (C,H,W) order, fc, batch norm `features`.   x [N,C,H,W] -> [N,out]
Value arcface_tail(const Scope& s, Value x, std::int64_t out);

/// An identity vector, not normalised; compare two by the cosine.
///   image [N,3,H,W], -1..1 -> [N,identity_dim]
/// An image whose width is not arcface_size is resized to that square by nearest neighbour, without any alignment of
/// the face; that is how the reference uses the network (stage "resized_input").
Value arcface(const Scope& s, Value image, const ModelConfig& config = {});

}  // namespace g2face
