#pragma once
// Identity-aware feature fusion: the image's own features, a learned mask that decides where they pass, and the place
// where bits are hidden (the paper's IFF module).

#include <cmath>
#include <span>
#include <vector>

#include "g2face/models/config.hpp"
#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"

namespace g2face {

/// Convolution, norm and, if `activate`, leaky ReLU 0.2: 4x4 with stride 2 if `downsample`, else 3x3.
///   x [N,C,H,W] -> [N,out,H,W], or [N,out,H/2,W/2] with downsample
/// Without a norm the convolution has an equalised learning rate, and the leaky ReLU a gain of sqrt 2.
inline Value pyramid_layer(const Scope& s, Value x, std::int64_t out, bool downsample, bool activate = true,
                           EncoderNorm norm = EncoderNorm::instance) {
  const ConvOptions how{.out = out, .kernel = downsample ? 4 : 3, .stride = downsample ? 2 : 1, .pad = 1};
  if (norm == EncoderNorm::none) {
    const Value y = equal_conv(s / "conv", x, how);
    return s.result(activate ? leaky_relu(y, 0.2) * std::sqrt(2.) : y);
  }
  const Value y = conv_instance_norm(s, x, how);
  return s.result(activate ? leaky_relu(y, 0.2) : y);
}

/// (conv2(conv1(x)) + skip(x)) / sqrt 2; conv1 keeps the width of x, conv2 and skip change width and size.
inline Value pyramid_block(const Scope& s, Value x, std::int64_t out, bool downsample,
                           EncoderNorm norm = EncoderNorm::instance) {
  const Value same = pyramid_layer(s / "conv1", x, x.shape()[1], false, true, norm);
  const Value y = pyramid_layer(s / "conv2", same, out, downsample, true, norm);
  const Value skip = pyramid_layer(s / "skip", x, out, downsample, false, norm);
  return s.result((y + skip) * std::sqrt(0.5));
}

/// Features of an image at every level.
///   image [N,3,R,R], -1..1 -> element k: [N,channels,R/2^k,R/2^k], the last being 4x4
/// Parameters: pyramid.k.*.
std::vector<Value> encoder(const Scope& s, Value image, const ModelConfig& config = {});

/// How much of the generated features passes: sigmoid(instance_norm(conv1x1(inputs))), so that a mask's logits have
/// mean 0 and variance 1 in each channel of each sample.
///   inputs: generated, original and perhaps injected features, [N,C_i,H,W] each -> [N,out,H,W], 0..1
/// Parameters: conv.weight [out,sum of C_i,1,1], conv.bias [out] (without effect, see conv_instance_norm).
Value fusion_mask(const Scope& s, std::span<const Value> inputs, std::int64_t out);

/// Hidden bits as features, of a strength that is learned for each channel and begins at zero.
///   bits [N,rows,32], 0 or 1 -> [N,out,size,size]
/// The bits are viewed as [N,C,size,size] in the order they lie in, which mixes rows: C = rows 32 / size^2; throws
/// ShapeError if that is no whole number. Then weight * fused_leaky_relu(conv1x1(view)).
/// Parameters: weight [out,1,1] = 0, conv.weight [out,C,1,1], conv.bias [out], activate.bias [out] = 0.
Value hiding_injection(const Scope& s, Value bits, std::int64_t size, std::int64_t out);

/// mask * generated + (1 - mask) * original [+ injection], all of one shape.
inline Value blend(Value mask, Value generated, Value original, Value injection = {}) {
  const Value y = original + mask * (generated - original);
  return injection ? y + injection : y;
}

}  // namespace g2face
