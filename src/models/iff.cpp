#include "g2face/models/iff.hpp"

namespace g2face {

std::vector<Value> encoder(const Scope& s, Value image, const ModelConfig& config) {
  std::vector<Value> features;
  Value x = image;
  for (std::int64_t r = config.resolution, level = 0; r >= 4; r /= 2, ++level) {
    const bool downsample = level > 0;
    x = pyramid_block(s / "pyramid" / static_cast<int>(level), x, config.channels_at(r), downsample,
                      config.encoder_norm);
    features.push_back(x);
  }
  return features;
}

Value fusion_mask(const Scope& s, std::span<const Value> inputs, std::int64_t out) {
  std::int64_t in = 0;
  for (const Value& v : inputs) in += v.shape()[1];
  const Scope conv = s / "conv";
  const Init around_zero = init::uniform(1 / std::sqrt(static_cast<double>(in)));
  const Value w = conv.param("weight", {out, in, 1, 1}, around_zero);
  conv.param("bias", {out}, around_zero);
  return s.result(sigmoid(instance_norm(conv.result(concat_conv2d(inputs, w)))));
}

Value hiding_injection(const Scope& s, Value bits, std::int64_t size, std::int64_t out) {
  const Shape& shape = bits.shape();
  const std::int64_t count = shape.rank() == 3 ? shape[1] * shape[2] : 0;
  check<ShapeError>(count > 0 && count % (size * size) == 0, "hiding_injection '", s.path(), "': bits ", shape,
                    " do not fill whole maps of ", size, "x", size);
  const Value strength = s.param("weight", {out, 1, 1}, init::zeros());
  const Value view = reshape(bits, {shape[0], count / (size * size), size, size});
  const Value y = conv(s / "conv", view, {.out = out, .kernel = 1});
  return s.result(strength * fused_leaky_relu(s / "activate", y));
}

}  // namespace g2face
