#pragma once
// The parts of StyleGAN2 (Karras et al. 2020) that G2Face is made of. Parameter names and numbers are those of the
// reference; what is computed is the shared-weight form (ops/modulated_conv2d.hpp).

#include <cmath>

#include "g2face/models/config.hpp"
#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"

namespace g2face {

/// The learned constant that the generator starts from, once for each sample.
///   -> [batch,channels,4,4].  Parameter: input [1,channels,4,4], standard normal.
inline Value constant_input(const Scope& s, std::int64_t channels, std::int64_t batch) {
  const Value constant = s.param("input", {1, channels, 4, 4}, init::normal());
  return s.result(broadcast_to(constant, {batch, channels, 4, 4}));
}

struct ModulatedConvOptions {
  std::int64_t out = 0;
  std::int64_t kernel = 3;
  bool upsample = false;
  bool demodulate = true;
};
/// A convolution whose input channels a style scales.
///   x [N,C,H,W], style [N,D] -> [N,out,H,W], or [N,out,2H,2W] with upsample
/// Parameters: weight [1,out,C,k,k], standard normal; modulation.weight [C,D], modulation.bias [C] = 1; with upsample
/// the buffer blur.kernel [4,4], of sum 4 as the reference stores it.
inline Value modulated_conv(const Scope& s, Value x, Value style, const ModulatedConvOptions& o) {
  const std::int64_t in = x.shape()[1];
  const Value weight = s.param("weight", {1, o.out, in, o.kernel, o.kernel}, init::normal());
  const Value w = reshape(weight, {o.out, in, o.kernel, o.kernel});
  const double scale = 1 / std::sqrt(static_cast<double>(in * o.kernel * o.kernel));
  const Value modulation = equal_linear(s / "modulation", style, in, {.bias_init = 1});
  if (!o.upsample) {
    return s.result(modulated_conv2d(x, w, modulation, {.demodulate = o.demodulate, .weight_scale = scale}));
  }
  const Value unit_blur = affine(blur_filter(s / "blur", 4), 0.25);  // the op brings the factor 4 itself
  return s.result(modulated_conv2d(x, w, modulation, unit_blur,
                                   {.resample = Resample::up, .demodulate = o.demodulate, .weight_scale = scale}));
}

/// A modulated 3x3 convolution, noise, and a fused leaky ReLU.
///   x [N,C,H,W], style [N,D], noise [N,1,h,w] or none -> [N,out,h,w], where h, w = H, W or with upsample 2H, 2W
/// Parameters: conv.*; noise.weight [1] = 0; activate.bias [out] = 0.
inline Value styled_conv(const Scope& s, Value x, Value style, Value noise, std::int64_t out, bool upsample = false) {
  Value y = modulated_conv(s / "conv", x, style, {.out = out, .upsample = upsample});
  const Value strength = (s / "noise").param("weight", {1}, init::zeros());
  if (noise) y = y + strength * noise;
  return s.result(fused_leaky_relu(s / "activate", y));
}

/// Features to colours, added to the colours of the level below.
///   x [N,C,H,W], style [N,D], below [N,3,H/2,W/2] or none -> [N,3,H,W]
/// Parameters: bias [1,3,1,1] = 0; conv.*; with `below` the buffer upsample.kernel [4,4], of sum 4.
inline Value to_rgb(const Scope& s, Value x, Value style, Value below = {}) {
  const Value bias = s.param("bias", {1, 3, 1, 1}, init::zeros());
  Value y = modulated_conv(s / "conv", x, style, {.out = 3, .kernel = 1, .demodulate = false}) + bias;
  if (below) {
    const Upfirdn2dAttrs twice{.up_x = 2, .up_y = 2, .pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1};
    y = y + upfirdn2d(below, blur_filter(s / "upsample", 4), twice);
  }
  return s.result(y);
}

struct ConvLayerOptions {
  std::int64_t out = 0;
  std::int64_t kernel = 3;
  bool downsample = false;
  bool activate = true;
  bool bias = true;
};
/// The discriminator's convolution: equalised, after a blur if it halves the size, before a fused leaky ReLU.
///   x [N,C,H,W] -> [N,out,H,W], or [N,out,H/2,W/2] with downsample
/// Parameters are named by position, as the reference does: with downsample the buffer 0.kernel [4,4], then
/// N.weight [out,C,k,k] (and N.bias [out] where nothing is activated), then with activation and bias the bias of the
/// activation.
Value conv_layer(const Scope& s, Value x, const ConvLayerOptions& options);

/// Two convolutions, the second halving the size, beside a shortcut: (conv2(conv1(x)) + skip(x)) / sqrt 2.
///   x [N,C,H,W] -> [N,out,H/2,W/2]
Value residual_block(const Scope& s, Value x, std::int64_t out);

/// Minibatch statistic, convolution, two linear layers.  x [N,C,H,W] -> logits [N,1]; `channels` wide inside.
Value discriminator_head(const Scope& s, Value x, std::int64_t channels);

/// Real or generated?   image [N,3,R,R], -1..1 -> logits [N,1], positive for real.
/// N is at most 4 or a multiple of 4 (minibatch statistic).  Reference Discriminator.
Value discriminator(const Scope& s, Value image, const ModelConfig& config = {});

}  // namespace g2face
