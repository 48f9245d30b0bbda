#include "g2face/models/stylegan2.hpp"

namespace g2face {
namespace {

// The reference blurs before it halves: pads that centre a 4x4 filter before a kxk convolution with stride 2.
Upfirdn2dAttrs blur_pads(std::int64_t kernel) {
  const std::int64_t total = 2 + (kernel - 1);
  const std::int64_t before = (total + 1) / 2, after = total / 2;
  return {.pad_x0 = before, .pad_x1 = after, .pad_y0 = before, .pad_y1 = after};
}

}  // namespace

Value conv_layer(const Scope& s, Value x, const ConvLayerOptions& o) {
  const bool activation_bias = o.activate && o.bias;
  ConvOptions conv{.out = o.out, .kernel = o.kernel, .pad = o.kernel / 2, .bias = o.bias && !o.activate};
  int position = 0;
  if (o.downsample) {
    Upfirdn2dAttrs blur = blur_pads(o.kernel);
    // A 1x1 convolution with stride 2 looks at every second pixel only: the blur need not compute the others.
    if (o.kernel == 1) {
      blur.down_x = blur.down_y = 2;
    } else {
      conv.stride = 2;
      conv.pad = 0;
    }
    x = upfirdn2d(x, blur_filter(s / position++), blur);
  }
  Value y = equal_conv(s / position++, x, conv);
  if (activation_bias)
    y = fused_leaky_relu(s / position, y);
  else if (o.activate)
    y = leaky_relu(y, 0.2) * std::sqrt(2.0);
  return s.result(y);
}

Value residual_block(const Scope& s, Value x, std::int64_t out) {
  const Value inner = conv_layer(s / "conv1", x, {.out = x.shape()[1]});
  const Value y = conv_layer(s / "conv2", inner, {.out = out, .downsample = true});
  const Value skip =
      conv_layer(s / "skip", x, {.out = out, .kernel = 1, .downsample = true, .activate = false, .bias = false});
  return s.result((y + skip) * std::sqrt(0.5));
}

Value discriminator_head(const Scope& s, Value x, std::int64_t channels) {
  x = (s / "final_conv" / "input").result(minibatch_stddev(x));
  (s / "minibatch_stddev").result(slice_axis(x, 1, x.shape()[1] - 1, 1));
  const Value y = conv_layer(s / "final_conv", x, {.out = channels});
  const Value flat = reshape(y, {y.shape()[0], y.shape().numel() / y.shape()[0]});
  const Value hidden = equal_linear(s / "final_linear" / 0, flat, channels, {.activation = true});
  return equal_linear(s / "final_linear" / 1, hidden, 1);
}

Value discriminator(const Scope& s, Value image, const ModelConfig& config) {
  const Shape& shape = image.shape();
  const std::int64_t size = config.resolution;
  check<ShapeError>(shape.rank() == 4 && shape == Shape({shape[0], 3, size, size}), "discriminator '", s.path(),
                    "': image ", shape, " is not [N,3,", size, ",", size, "]");
  int layer = 0;
  Value x = conv_layer(s / "convs" / layer++, image, {.out = config.channels_at(size), .kernel = 1});
  for (std::int64_t r = size / 2; r >= 4; r /= 2) x = residual_block(s / "convs" / layer++, x, config.channels_at(r));
  return s.result(discriminator_head(s, x, config.channels_at(4)));
}

}  // namespace g2face
