#include "g2face/models/generator.hpp"

#include "g2face/models/iff.hpp"
#include "g2face/models/stylegan2.hpp"

namespace g2face {
namespace {

// Hands out the noise of each styled convolution in call order.
class NoiseSource {
 public:
  NoiseSource(const Scope& s, const GeneratorNoise& noise, std::int64_t batch, const ModelConfig& config)
      : root_(s), noise_(noise), layers_(generator_noise(config)), batch_(batch) {
    check<GraphError>(!noise.seed || noise.values.empty(), "generator '", s.path(),
                      "': noise is given both as values and as a seed");
    check<ShapeError>(noise.values.empty() || noise.values.size() == layers_.size(), "generator '", s.path(),
                      "': ", noise.values.size(), " noise values given, ", layers_.size(), " expected");
  }

  Value next() {
    const auto& [name, size] = layers_.at(at_);
    const Shape shape{batch_, 1, size, size};
    const std::string path = (root_ / name / "noise").path();
    const std::size_t i = at_++;
    if (noise_.seed) return random_normal(noise_.seed, {.shape = shape, .stream = random_stream(path)});
    if (noise_.values.empty()) return {};
    check<ShapeError>(noise_.values[i].shape() == shape, "generator '", path, "': noise ", noise_.values[i].shape(),
                      ", expected ", shape);
    return noise_.values[i];
  }

 private:
  const Scope& root_;
  const GeneratorNoise& noise_;
  std::vector<std::pair<std::string, std::int64_t>> layers_;
  std::int64_t batch_;
  std::size_t at_ = 0;
};

// [N,L,D] or [N,D] -> the style of layer i, [N,D].
Value style_of(Value styles, std::int64_t i) {
  const Shape& shape = styles.shape();
  if (shape.rank() == 2) return styles;
  return reshape(slice_axis(styles, 1, i, 1), {shape[0], shape[2]});
}

void check_inputs(const Scope& s, const Shape& image, const Shape& styles, const Shape& bits,
                  const ModelConfig& config) {
  const std::int64_t size = config.resolution;
  check<ShapeError>(image.rank() == 4 && image == Shape({image[0], 3, size, size}), "generator '", s.path(),
                    "': image ", image, " is not [N,3,", size, ",", size, "]");
  const Shape one{image[0], config.style_dim}, all{image[0], config.style_count(), config.style_dim};
  check<ShapeError>(styles == one || styles == all, "generator '", s.path(), "': styles ", styles, " are neither ", all,
                    " nor ", one);
  const Shape wanted{image[0], config.bit_rows(), 32};
  check<ShapeError>(bits == wanted, "generator '", s.path(), "': bits ", bits, ", expected ", wanted);
}

}  // namespace

std::vector<std::pair<std::string, std::int64_t>> generator_noise(const ModelConfig& config) {
  std::vector<std::pair<std::string, std::int64_t>> layers = {{"conv1", 4}};
  int conv = 0;
  for (std::int64_t r = 8; r <= config.resolution; r *= 2) {
    for (int twice = 0; twice < 2; ++twice) layers.emplace_back(str("convs.", conv++), r);
  }
  return layers;
}

Value generator(const Scope& s, Value image, Value styles, Value bits, const GeneratorNoise& noise,
                const ModelConfig& config) {
  check_inputs(s, image.shape(), styles.shape(), bits.shape(), config);
  const std::int64_t batch = image.shape()[0];
  NoiseSource noises(s, noise, batch, config);
  const std::vector<Value> features = encoder(s, image, config);

  int level = static_cast<int>(features.size()) - 1;
  const std::int64_t base = config.channels_at(4);
  Value x = constant_input(s / "input", base, batch);
  const Value base_mask =
      fusion_mask(s / "fusion_mask" / level, std::initializer_list<Value>{x, features.back()}, base);
  x = blend(base_mask, x, features.back());
  x = styled_conv(s / "conv1", x, style_of(styles, 0), noises.next(), base);
  Value rgb = to_rgb(s / "to_rgb1", x, style_of(styles, 1));

  int conv = 0, style = 1;
  for (std::int64_t r = 8; r <= config.resolution; r *= 2, conv += 2, style += 2) {
    const std::int64_t channels = config.channels_at(r);
    const Value original = features[static_cast<std::size_t>(--level)];
    x = styled_conv(s / "convs" / conv, x, style_of(styles, style), noises.next(), channels, true);
    std::vector<Value> seen = {x, original};
    Value added;
    if (r < config.resolution) {
      seen.push_back(hiding_injection(s / "hiding_injects" / conv, bits, r, channels));
      added = hiding_injection(s / "hiding_injects" / (conv + 1), bits, r, channels);
    }
    x = blend(fusion_mask(s / "fusion_mask" / level, seen, channels), x, original, added);
    x = styled_conv(s / "convs" / (conv + 1), x, style_of(styles, style + 1), noises.next(), channels);
    rgb = to_rgb(s / "to_rgbs" / (conv / 2), x, style_of(styles, style + 2), rgb);
  }
  return s.result(rgb);
}

}  // namespace g2face
