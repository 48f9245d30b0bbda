#include "g2face/models/mobilefacenet.hpp"

#include <array>

#include "g2face/nn/layers.hpp"
#include "g2face/nn/resample.hpp"
#include "g2face/ops.hpp"

namespace g2face {
namespace {

Value relu6(Value x) { return clamp(x, 0, 6); }

Value pointwise_conv(const Scope& s, Value x, std::int64_t out) {
  return conv(s, x, {.out = out, .kernel = 1, .bias = false});
}

Value depthwise_conv(const Scope& s, Value x, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  const std::int64_t channels = x.shape()[1];
  return conv(s, x,
              {.out = channels, .kernel = kernel, .stride = stride, .pad = pad, .groups = channels, .bias = false});
}

Value imagenet_normalised(Value image) {
  constexpr std::array<float, 3> mean = {0.485F, 0.456F, 0.406F}, deviation = {0.229F, 0.224F, 0.225F};
  const auto channels = [&](const std::array<float, 3>& v) {
    return cast(image.graph->constant(Tensor::from({1, 3, 1, 1}, v)), image.dtype());
  };
  return (affine(image, 0.5, 0.5) - channels(mean)) / channels(deviation);
}

Value inverted_residual(const Scope& s, Value x, std::int64_t out, std::int64_t expansion, std::int64_t stride) {
  const Scope layers = s / "conv";
  Value y = pointwise_conv(layers / 0 / 0, x, x.shape()[1] * expansion);
  y = relu6(batch_norm_layer(layers / 0 / 1, y));
  y = depthwise_conv(layers / 1 / 0, y, 3, stride, 1);
  y = relu6(batch_norm_layer(layers / 1 / 1, y));
  y = batch_norm_layer(layers / 3, pointwise_conv(layers / 2, y, out));
  return s.result(stride == 1 && x.shape()[1] == out ? x + y : y);
}

}  // namespace

Value mobilefacenet(const Scope& s, Value image, const ModelConfig& config) {
  check<ShapeError>(image.shape().rank() == 4 && image.shape()[1] == 3, "mobilefacenet '", s.path(), "': image ",
                    image.shape(), " is not [N,3,H,W]");
  const std::int64_t width = config.arcface_width;
  Value x = (s / "resized_input").result(resample(image, config.identity_square(), config.arcface_size));

  const Scope first = s / "conv1";
  x = conv(first / 0, imagenet_normalised(x), {.out = width, .kernel = 3, .stride = 2, .pad = 1, .bias = false});
  x = first.result(relu6(batch_norm_layer(first / 1, x)));

  const Scope separable = s / "dw_conv";
  x = relu(batch_norm_layer(separable / "bn1", depthwise_conv(separable / "depthwise", x, 3, 1, 1)));
  x = relu(batch_norm_layer(separable / "bn2", pointwise_conv(separable / "pointwise", x, width)));
  x = separable.result(x);

  struct Stage {
    std::int64_t expansion, widths;
    int count;
    std::int64_t stride;  // of the first
  };
  constexpr auto stages = std::to_array<Stage>({{2, 1, 5, 2}, {4, 2, 1, 2}, {2, 2, 6, 1}, {4, 2, 1, 2}, {2, 2, 2, 1}});
  int block = 0;
  for (const Stage& stage : stages) {
    for (int i = 0; i < stage.count; ++i, ++block) {
      const std::int64_t stride = i == 0 ? stage.stride : 1;
      x = inverted_residual(s / "features" / block, x, stage.widths * width, stage.expansion, stride);
    }
  }

  const Scope widening = s / "conv2";
  x = pointwise_conv(widening / 0, x, 8 * width);
  x = widening.result(relu6(batch_norm_layer(widening / 1, x)));

  const Scope whole = s / "gdconv";
  x = depthwise_conv(whole / "depthwise", x, x.shape()[2], 1, 0);
  x = whole.result(batch_norm_layer(whole / "bn", x));
  x = conv(s / "conv3", x, {.out = config.identity_dim, .kernel = 1});
  return s.result(batch_norm_layer(s / "bn", reshape(x, {x.shape()[0], config.identity_dim})));
}

}  // namespace g2face
