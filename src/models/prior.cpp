#include "g2face/models/prior.hpp"

#include "g2face/models/stylegan2.hpp"
#include "g2face/ops/all_reduce.hpp"
#include "models/synthesis.hpp"

namespace g2face {

Value mapping(const Scope& s, Value z, int depth, const ModelConfig& config) {
  const Shape& shape = z.shape();
  check<ShapeError>(shape.rank() == 2 && shape[1] == config.style_dim, "mapping '", s.path(), "': z ", shape,
                    ", expected [N,", config.style_dim, "]");
  Value x = pixel_norm(z);
  for (int layer = 1; layer <= depth; ++layer)
    x = equal_linear(s / "style" / layer, x, config.style_dim, {.lr_mul = config.mlp_lr_mul, .activation = true});
  return s.result(x);
}

Value mean_style(const Scope& s, const ModelConfig& config) {
  return s.param("w_avg", {config.style_dim}, init::as_buffer(init::zeros()));
}

void track_mean_style(const Scope& s, Value w, double decay, const ModelConfig& config) {
  const Value average = mean_style(s, config);
  s.update(average, decay * average + (1 - decay) * mean_over_ranks(mean(w, {.axes = {0}})));
}

Value truncated_style(const Scope& s, Value w, double psi, const ModelConfig& config) {
  return psi * w + (1 - psi) * mean_style(s, config);
}

Value synthesis(const Scope& s, Value styles, const GeneratorNoise& noise, const ModelConfig& config) {
  const std::int64_t batch = styles.shape().rank() > 0 ? styles.shape()[0] : 0;
  const Shape one{batch, config.style_dim}, all{batch, config.style_count(), config.style_dim};
  check<ShapeError>(styles.shape() == one || styles.shape() == all, "synthesis '", s.path(), "': styles ",
                    styles.shape(), " are neither ", all, " nor ", one);
  NoiseSource noises(s, noise, batch, config);
  const std::int64_t base = config.channels_at(4);
  Value x = constant_input(s / "input", base, batch);
  x = styled_conv(s / "conv1", x, style_of(styles, 0), noises.next(), base);
  Value rgb = to_rgb(s / "to_rgb1", x, style_of(styles, 1));

  int conv = 0, style = 1;
  for (std::int64_t r = 8; r <= config.resolution; r *= 2, conv += 2, style += 2) {
    const std::int64_t channels = config.channels_at(r);
    x = styled_conv(s / "convs" / conv, x, style_of(styles, style), noises.next(), channels, true);
    x = styled_conv(s / "convs" / (conv + 1), x, style_of(styles, style + 1), noises.next(), channels);
    rgb = to_rgb(s / "to_rgbs" / (conv / 2), x, style_of(styles, style + 2), rgb);
  }
  return s.result(rgb);
}

}  // namespace g2face
