#include "g2face/models/recon.hpp"

#include <array>
#include <cmath>
#include <vector>

#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"

namespace g2face {
namespace {

// A convolution without bias and its batch norm, which the reference numbers alike: conv1 and bn1.
Value conv_norm(const Scope& conv_scope, const Scope& norm_scope, Value x, std::int64_t out, std::int64_t kernel,
                std::int64_t stride) {
  const double he = std::sqrt(2.0 / static_cast<double>(out * kernel * kernel));
  const Value y = conv(conv_scope, x,
                       {.out = out,
                        .kernel = kernel,
                        .stride = stride,
                        .pad = kernel / 2,
                        .bias = false,
                        .weight_init = init::normal(he)});
  return batch_norm_layer(norm_scope, y);
}

}  // namespace

Value recon_stem(const Scope& s, Value x, std::int64_t width) {
  x = relu(conv_norm(s / "conv1", s / "bn1", x, width, 7, 2));
  return (s / "maxpool").result(max_pool2d(x, {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}}));
}

Value recon_block(const Scope& s, Value x, std::int64_t width, std::int64_t stride) {
  const std::int64_t out = 4 * width;
  Value y = relu(conv_norm(s / "conv1", s / "bn1", x, width, 1, 1));
  y = relu(conv_norm(s / "conv2", s / "bn2", y, width, 3, stride));
  y = conv_norm(s / "conv3", s / "bn3", y, out, 1, 1);
  if (stride != 1 || x.shape()[1] != out) {
    x = conv_norm(s / "downsample" / 0, s / "downsample" / 1, x, out, 1, stride);
  }
  return s.result(relu(y + x));
}

Value recon_head(const Scope& s, Value pooled) {
  constexpr std::array<std::int64_t, 7> sizes = {80, 64, 80, 3, 27, 2, 1};
  std::vector<Value> parts;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Value part = conv(s / "final_layers" / static_cast<int>(i), pooled,
                            {.out = sizes[i], .kernel = 1, .weight_init = init::zeros(), .bias_init = init::zeros()});
    parts.push_back(reshape(part, {part.shape()[0], sizes[i]}));
  }
  return concat(parts, 1);
}

Value recon(const Scope& s, Value image, const ModelConfig& config) {
  check<ShapeError>(image.shape().rank() == 4 && image.shape()[1] == 3, "recon '", s.path(), "': image ", image.shape(),
                    " is not [N,3,H,W]");
  const Scope backbone = s / "backbone";
  Value x = recon_stem(backbone, image, config.recon_width);
  std::int64_t width = config.recon_width;
  for (int layer = 0; layer < 4; ++layer, width *= 2) {
    const Scope stage = backbone / str("layer", layer + 1);
    for (int block = 0; block < config.recon_blocks[static_cast<std::size_t>(layer)]; ++block) {
      x = recon_block(stage / block, x, width, block == 0 && layer > 0 ? 2 : 1);
    }
  }
  const Value pooled = (backbone / "avgpool").result(mean(x, {.axes = {2, 3}, .keep_dims = true}));
  return s.result(recon_head(s, pooled));
}

}  // namespace g2face
