#include "weights_converter/architecture.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "g2face/models/prior.hpp"
#include "g2face/train/stages.hpp"

namespace g2face::weights {
namespace {

constexpr int most_levels = 11;  // more than any configuration may have

/// Looks tensors up for the fields of a configuration.
class Shapes {
 public:
  explicit Shapes(const NamedTypes& tensors) : tensors_(tensors) {}

  bool has(const std::string& name) const { return tensors_.find(name) != tensors_.end(); }
  /// Sets `field` to an extent of a tensor, if that is there.
  bool extent(const std::string& name, int axis, std::int64_t& field) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || found->second.shape.rank() <= axis) return false;
    field = found->second.shape[axis];
    return true;
  }
  /// How many of the names `before`0`after`, `before`1`after` ... there are.
  std::int64_t count(std::string_view before, std::string_view after) const {
    std::int64_t n = 0;
    while (has(str(before, n, after))) ++n;
    return n;
  }
  bool has_network(std::string_view network) const {
    const auto first = tensors_.lower_bound(str(network, "/"));
    return first != tensors_.end() && first->first.starts_with(str(network, "/"));
  }

 private:
  const NamedTypes& tensors_;
};

/// Channels for each level from 4 on; resolutions above the last one are taken away.
void set_levels(const std::vector<std::int64_t>& channels, ModelConfig& c) {
  c.channels.clear();
  std::int64_t level = 4;
  for (const std::int64_t n : channels) {
    c.channels[level] = n;
    c.resolution = level;
    level *= 2;
  }
  const std::int64_t styles = c.style_count();
  if (c.style_bands[0] + c.style_bands[1] + c.style_bands[2] != styles)
    c.style_bands = {(styles - 2) / 2, (styles - 2) / 2, 2};
}

void generator_fields(const Shapes& s, ModelConfig& c) {
  std::vector<std::int64_t> channels(1);
  if (!s.extent("generator/input.input", 1, channels[0])) return;
  for (int level = 0; level < most_levels; ++level) {
    std::int64_t n = 0;
    if (!s.extent(str("generator/convs.", 2 * level, ".conv.weight"), 1, n)) break;
    channels.push_back(n);
  }
  set_levels(channels, c);
  s.extent("generator/conv1.conv.modulation.weight", 1, c.style_dim);
}

void discriminator_fields(const Shapes& s, ModelConfig& c) {
  std::vector<std::int64_t> channels(1);  // from the largest level down
  if (s.has("generator/input.input") || !s.extent("discriminator/convs.0.0.weight", 0, channels[0])) return;
  for (int block = 1; block < most_levels; ++block) {
    std::int64_t n = 0;
    if (!s.extent(str("discriminator/convs.", block, ".conv2.1.weight"), 0, n)) break;
    channels.push_back(n);
  }
  std::reverse(channels.begin(), channels.end());
  set_levels(channels, c);
}

void style_fields(const Shapes& s, ModelConfig& c) {
  std::int64_t joined = 0;
  if (!s.extent("style_mlp/style_low.0.weight", 1, joined)) return;
  c.identity_dim = joined - ModelConfig::geometry_dim;
  c.mlp_depth = s.count("style_mlp/style_low.", ".weight");
  if (!s.has("generator/input.input")) s.extent("style_mlp/style_low.0.weight", 0, c.style_dim);
}

void extractor_fields(const Shapes& s, ModelConfig& c) {
  if (!s.extent("hiding_extractor/conv1x1_input.weight", 0, c.extractor_width)) return;
  c.extractor_blocks = s.count("hiding_extractor/body.", ".conv1x1_branch_1.weight");
}

void iresnet_fields(const Shapes& s, ModelConfig& c, bool identity_is_known) {
  if (!s.extent("arcface/conv1.weight", 0, c.arcface_width)) return;
  c.identity_network = IdentityNetwork::iresnet;
  const std::int64_t third = s.count("arcface/layer3.", ".conv1.weight");
  const std::int64_t second = s.count("arcface/layer2.", ".conv1.weight");
  constexpr std::array<std::array<std::int64_t, 3>, 4> depths = {{{18, 2, 2}, {34, 4, 6}, {50, 4, 14}, {100, 13, 30}}};
  for (const auto& [depth, blocks2, blocks3] : depths)
    if (blocks2 == second && blocks3 == third) c.arcface_depth = depth;
  std::int64_t features = 0, dim = c.identity_dim;
  if (!s.extent("arcface/fc.weight", 1, features) || !s.extent("arcface/fc.weight", 0, dim)) return;
  if (!identity_is_known) c.identity_dim = dim;
  const double pixels =
      static_cast<double>(features) / (8.0 * static_cast<double>(std::max<std::int64_t>(c.arcface_width, 1)));
  c.arcface_size = 16 * std::llround(std::sqrt(std::clamp(pixels, 0.0, 1e8)));
}

void mobilefacenet_fields(const Shapes& s, ModelConfig& c, bool identity_is_known) {
  if (!s.extent("arcface/conv1.0.weight", 0, c.arcface_width)) return;
  c.identity_network = IdentityNetwork::mobilefacenet;
  std::int64_t dim = c.identity_dim, side = 0;
  if (s.extent("arcface/conv3.weight", 0, dim) && !identity_is_known) c.identity_dim = dim;
  if (s.extent("arcface/gdconv.depthwise.weight", 2, side)) c.arcface_size = 16 * std::min<std::int64_t>(side, 1024);
}

void recon_fields(const Shapes& s, ModelConfig& c) {
  if (!s.extent("recon/backbone.conv1.weight", 0, c.recon_width)) return;
  for (std::size_t layer = 0; layer < c.recon_blocks.size(); ++layer)
    c.recon_blocks[layer] = s.count(str("recon/backbone.layer", layer + 1, "."), ".conv1.weight");
}

void declare_mapping(const Shapes& s, const ModelConfig& config, Expected& expected) {
  Graph graph;
  const Scope scope(graph, "mapping");
  int depth = 0;
  while (s.has(str("mapping/style.", depth + 1, ".weight"))) ++depth;
  mapping(scope, graph.input({DType::f32, {1, config.style_dim}}, "z"), depth, config);
  mean_style(scope, config);
  for (const Declared& d : scope.declared()) expected.parameters.emplace(d.name, d);
}

}  // namespace

ModelConfig architecture_of(const NamedTypes& tensors, const ModelConfig& base) {
  ModelConfig c = base;
  const Shapes s(tensors);
  generator_fields(s, c);
  discriminator_fields(s, c);
  style_fields(s, c);
  const bool has_styles = s.has("style_mlp/style_low.0.weight");
  const bool has_map = !has_styles && s.extent("map_2_id/map_2_id.0.weight", 0, c.identity_dim);
  extractor_fields(s, c);
  iresnet_fields(s, c, has_styles || has_map);
  mobilefacenet_fields(s, c, has_styles || has_map);
  recon_fields(s, c);
  s.extent("lpips/net.slice1.0.weight", 0, c.lpips_width);
  return c;
}

std::string name_of(const ModelConfig& config) {
  for (const std::string& name : ModelConfig::preset_names()) {
    ModelConfig preset = ModelConfig::preset(name);
    preset.name = config.name;
    if (preset.identity_network == IdentityNetwork::mobilefacenet) preset.arcface_depth = config.arcface_depth;
    if (preset == config) return name;
  }
  return "converted";
}

Expected expected_of(const NamedTypes& tensors, const ModelConfig& config) {
  Expected expected;
  const Shapes s(tensors);
  bool prior_alone = true;
  for (const auto& [name, type] : tensors)
    prior_alone = prior_alone && (!name.starts_with("generator/") || is_prior(name));
  for (const std::string_view network : network_names()) {
    if (!s.has_network(network)) continue;
    for (Declared& d : declare(network, config)) {
      if (network == "generator" && prior_alone && !is_prior(d.name)) {
        expected.fresh.push_back(std::move(d.name));
      } else {
        expected.parameters.emplace(d.name, std::move(d));
      }
    }
  }
  if (s.has_network("mapping")) declare_mapping(s, config, expected);
  return expected;
}

}  // namespace g2face::weights
