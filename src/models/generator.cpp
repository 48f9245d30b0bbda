#include "g2face/models/generator.hpp"

#include "g2face/models/iff.hpp"
#include "g2face/models/stylegan2.hpp"
#include "models/synthesis.hpp"

namespace g2face {
namespace {

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
