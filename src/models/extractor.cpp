#include "g2face/models/extractor.hpp"

#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"

namespace g2face {
namespace {

constexpr double slope = 0.1;

}  // namespace

Value extractor_block(const Scope& s, Value x, std::int64_t branch) {
  Value a = conv(s / "conv1x1_branch_1", x, {.out = branch, .kernel = 1});
  a = leaky_relu(batch_norm_layer(s / "bn_branch_1_1", a), slope);
  a = conv(s / "conv3x3_branch_1", a, {.out = branch, .kernel = 3, .pad = 1});
  a = leaky_relu(batch_norm_layer(s / "bn_branch_1_2", a), slope);
  Value b = conv(s / "conv1x1_branch_2", x, {.out = branch, .kernel = 1});
  b = leaky_relu(batch_norm_layer(s / "bn_branch_2_1", b), slope);
  return s.result(concat({a, b}, 1));
}

Value extractor_map(const Scope& s, Value image, const ModelConfig& config) {
  Value x = leaky_relu(conv(s / "conv1x1_input", image, {.out = config.extractor_width, .kernel = 1}), slope);
  for (int block = 0; block < config.extractor_blocks; ++block) {
    x = extractor_block(s / "body" / block, x, config.extractor_width / 2);
  }
  return conv(s / "conv1x1_output", x, {.out = 1, .kernel = 3, .stride = 2, .pad = 1});
}

Value hiding_extractor(const Scope& s, Value image, const ModelConfig& config) {
  const Shape& shape = image.shape();
  const std::int64_t size = config.resolution;
  check<ShapeError>(shape.rank() == 4 && shape == Shape({shape[0], 3, size, size}), "hiding_extractor '", s.path(),
                    "': image ", shape, " is not [N,3,", size, ",", size, "]");
  return s.result(reshape(extractor_map(s, image, config), {shape[0], config.bit_rows(), 32}));
}

}  // namespace g2face
