#include "g2face/models/config.hpp"

#include <bit>

namespace g2face {
namespace {

ModelConfig slim_64() {
  ModelConfig c;
  c.name = "g2face-slim-64";
  c.resolution = 64;
  c.channels = {{4, 32}, {8, 32}, {16, 32}, {32, 32}, {64, 16}};
  c.style_dim = 64;
  c.identity_dim = 32;
  c.mlp_depth = 2;
  c.style_bands = {4, 4, 2};
  c.extractor_width = 32;
  c.extractor_blocks = 2;
  c.arcface_depth = 18;
  c.arcface_width = 8;
  c.arcface_size = 64;
  c.recon_width = 8;
  c.recon_blocks = {1, 1, 1, 1};
  c.lpips_width = 8;
  return c;
}

ModelConfig slim_128() {
  ModelConfig c = slim_64();
  c.name = "g2face-slim-128";
  c.resolution = 128;
  c.channels = {{4, 64}, {8, 64}, {16, 64}, {32, 64}, {64, 32}, {128, 16}};
  c.style_dim = 128;
  c.identity_dim = 128;
  c.style_bands = {5, 5, 2};
  c.arcface_width = 16;
  c.recon_width = 16;
  return c;
}

ModelConfig slim_64_mobile() {
  ModelConfig c = slim_64();
  c.name = "g2face-slim-64-mobile";
  c.identity_dim = 128;
  c.identity_network = IdentityNetwork::mobilefacenet;
  c.arcface_width = 64;
  c.arcface_size = 112;
  return c;
}

constexpr ImageSquare whole_image;
// (64.5 - 0.905 * 56.41, 60.66 - 0.905 * 52.10, 0.905 * 112) / 128: the template's middle of the eyes is (56.41, 52.10)
// from the corner of its first pixel, the frame's (64.5, 60.66).
constexpr ImageSquare template_in_ffhq = {0.105, 0.1055, 0.7919};

}  // namespace

std::int64_t ModelConfig::channels_at(std::int64_t level) const {
  const auto found = channels.find(level);
  check<ShapeError>(found != channels.end(), "model '", name, "' has no channels for resolution ", level);
  return found->second;
}

std::int64_t ModelConfig::level_count() const {
  return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(resolution))) - 2;
}

ImageSquare ModelConfig::identity_square() const {
  if (identity_crop) return *identity_crop;
  return identity_network == IdentityNetwork::mobilefacenet ? template_in_ffhq : whole_image;
}

void ModelConfig::validate() const {
  const auto require = [this](bool ok, std::string_view field, const auto& value, std::string_view expected) {
    check<CheckpointError>(ok, "model '", name, "': ", field, " is ", value, ", expected ", expected);
  };
  require(resolution >= 16 && resolution <= 4096 && std::has_single_bit(static_cast<std::uint64_t>(resolution)),
          "resolution", resolution, "a power of two from 16 to 4096");
  for (std::int64_t r = 4; r <= resolution; r *= 2) {
    check<CheckpointError>(channels.contains(r), "model '", name, "': channels lack resolution ", r);
  }
  for (const auto& [level, count] : channels) {
    const bool in_range = level >= 4 && level <= resolution && std::has_single_bit(static_cast<std::uint64_t>(level));
    require(in_range, "a resolution of channels", level, "a power of two from 4 to the model's resolution");
    require(count > 0 && count <= 65536, str("channels at ", level), count, "1 to 65536");
  }
  const auto positive = [&](std::string_view field, std::int64_t value) {
    require(value > 0 && value <= 65536, field, value, "1 to 65536");
  };
  positive("style_dim", style_dim);
  positive("identity_dim", identity_dim);
  positive("mlp_depth", mlp_depth);
  require(mlp_lr_mul > 0, "mlp_lr_mul", mlp_lr_mul, "a positive number");
  std::int64_t bands = 0;
  for (std::int64_t band : style_bands) {
    positive("an entry of style_bands", band);
    bands += band;
  }
  require(bands == style_count(), "the sum of style_bands", bands, str(style_count(), ", two for each resolution"));
  require(extractor_width > 0 && extractor_width % 2 == 0 && extractor_width <= 65536, "extractor_width",
          extractor_width, "an even number up to 65536");
  positive("extractor_blocks", extractor_blocks);
  const ImageSquare seen = identity_square();
  const double right = seen.x + seen.size, bottom = seen.y + seen.size;
  require(seen.x >= 0 && seen.y >= 0 && seen.size > 0 && right <= 1 && bottom <= 1, "identity_crop",
          str("[", seen.x, ",", seen.y, ",", seen.size, "]"),
          "x, y and size of a square in the image, which is [0,0,1]");
  require(arcface_depth == 18 || arcface_depth == 34 || arcface_depth == 50 || arcface_depth == 100, "arcface_depth",
          arcface_depth, "18, 34, 50 or 100");
  positive("arcface_width", arcface_width);
  require(arcface_size > 0 && arcface_size % 16 == 0 && arcface_size <= 4096, "arcface_size", arcface_size,
          "a multiple of 16 up to 4096");
  positive("recon_width", recon_width);
  for (std::int64_t blocks : recon_blocks) positive("an entry of recon_blocks", blocks);
  require(lpips_width > 0 && lpips_width <= 64, "lpips_width", lpips_width, "1 to 64");
}

const std::vector<std::string>& ModelConfig::preset_names() {
  static const std::vector<std::string> names = {"g2face-256", "g2face-slim-128", "g2face-slim-64",
                                                 "g2face-slim-64-mobile"};
  return names;
}

ModelConfig ModelConfig::preset(std::string_view name) {
  if (name == "g2face-256") return {};
  if (name == "g2face-slim-128") return slim_128();
  if (name == "g2face-slim-64") return slim_64();
  if (name == "g2face-slim-64-mobile") return slim_64_mobile();
  std::string all;
  for (const std::string& n : preset_names()) all += (all.empty() ? "" : ", ") + n;
  throw CheckpointError(str("model configuration '", name, "' is unknown; there are ", all));
}

}  // namespace g2face
