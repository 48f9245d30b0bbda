#include "g2face/models/arcface.hpp"

#include <array>

#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"

namespace g2face {
namespace {

Value plain_conv(const Scope& s, Value x, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  return conv(s, x,
              {.out = out,
               .kernel = kernel,
               .stride = stride,
               .pad = kernel / 2,
               .bias = false,
               .weight_init = init::normal(0.1)});
}

std::array<int, 4> blocks_of(std::int64_t depth) {
  switch (depth) {
    case 18:
      return {2, 2, 2, 2};
    case 34:
      return {3, 4, 6, 3};
    case 50:
      return {3, 4, 14, 3};
    case 100:
      return {3, 13, 30, 3};
    default:
      throw GraphError(str("arcface: depth ", depth, " is none of 18, 34, 50, 100"));
  }
}

}  // namespace

Value arcface_stem(const Scope& s, Value x, std::int64_t width) {
  x = plain_conv(s / "conv1", x, width, 3, 1);
  return prelu(s / "prelu", batch_norm_layer(s / "bn1", x));
}

Value arcface_block(const Scope& s, Value x, std::int64_t out, std::int64_t stride) {
  Value y = batch_norm_layer(s / "bn1", x);
  y = plain_conv(s / "conv1", y, out, 3, 1);
  y = prelu(s / "prelu", batch_norm_layer(s / "bn2", y));
  y = plain_conv(s / "conv2", y, out, 3, stride);
  y = batch_norm_layer(s / "bn3", y);
  if (stride != 1 || x.shape()[1] != out) {
    const Scope shortcut = s / "downsample";
    x = batch_norm_layer(shortcut / 1, plain_conv(shortcut / 0, x, out, 1, stride));
  }
  return s.result(y + x);
}

Value arcface_tail(const Scope& s, Value x, std::int64_t out) {
  x = batch_norm_layer(s / "bn2", x);
  const Value flat = reshape(x, {x.shape()[0], x.shape().numel() / x.shape()[0]});
  return batch_norm_layer(s / "features", linear(s / "fc", flat, out));
}

Value arcface(const Scope& s, Value image, const ModelConfig& config) {
  const std::int64_t size = config.arcface_size;
  check<ShapeError>(image.shape().rank() == 4 && image.shape()[1] == 3, "arcface '", s.path(), "': image ",
                    image.shape(), " is not [N,3,H,W]");
  Value x = image;
  if (x.shape()[3] != size) x = resize2d_nearest(x, {.height = size, .width = size});
  (s / "resized_input").result(x);
  x = arcface_stem(s, x, config.arcface_width);
  const std::array<int, 4> blocks = blocks_of(config.arcface_depth);
  std::int64_t width = config.arcface_width;
  for (int layer = 0; layer < 4; ++layer, width *= 2) {
    const Scope stage = s / str("layer", layer + 1);
    for (int block = 0; block < blocks[static_cast<std::size_t>(layer)]; ++block) {
      x = arcface_block(stage / block, x, width, block == 0 ? 2 : 1);
    }
  }
  return s.result(arcface_tail(s, x, config.identity_dim));
}

}  // namespace g2face
