#include "g2face/models/reference_fill.hpp"

#include <array>
#include <cmath>
#include <string>

namespace g2face {
namespace {

constexpr double sqrt3 = 1.7320508075688772;

// '*' stands for any text, also for none and for dots.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() != '*') {
    return !name.empty() && name.front() == pattern.front() && matches(pattern.substr(1), name.substr(1));
  }
  for (std::size_t skip = 0; skip <= name.size(); ++skip) {
    if (matches(pattern.substr(1), name.substr(skip))) return true;
  }
  return false;
}

struct Rule {
  std::string_view network, entry;
  enum class Kind : std::uint8_t { scale, gain } kind;  // gain: of a layer, scale sqrt(3 gain / fan_in)
  double value;
  double offset = 0;
};
using enum Rule::Kind;

// The first match counts. A gain is what keeps the variance: 1 without an activation, 2 before ReLU,
// 2 / (1 + slope^2) before leaky ReLU.
constexpr auto rules = std::to_array<Rule>({
    {"*", "*.running_mean", scale, 0.1},
    {"*", "*.running_var", scale, 0.5, 1},
    {"generator", "*.modulation.bias", scale, 0.1, 1},
    {"generator", "*.noise.weight", scale, 0.2},
    {"generator", "to_rgb*.conv.weight", scale, 0.6},
    {"generator", "hiding_injects.*.conv.weight", gain, 1.96},
    {"generator", "hiding_injects.*.weight", scale, 0.2},
    {"generator", "pyramid.*.weight", gain, 1},
    {"generator", "fusion_mask.*.weight", gain, 1},
    {"generator", "*.weight", scale, sqrt3},
    {"generator", "input.input", scale, sqrt3},
    {"style_mlp", "*.weight", scale, sqrt3 / 0.01},
    {"style_mlp", "*.bias", scale, 10},
    {"map_2_id", "map_2_id.4.weight", scale, 0.3, 1},
    {"map_2_id", "*.weight", gain, 2 / 1.04},
    {"hiding_extractor", "*.bn_*.weight", scale, 0.3, 1},
    {"hiding_extractor", "conv1x1_output.weight", gain, 16},
    {"hiding_extractor", "*.weight", gain, 2 / 1.01},
    {"discriminator", "convs.0.0.weight", scale, 2 * sqrt3},
    {"discriminator", "final_linear.1.weight", scale, 4 * sqrt3},
    {"discriminator", "*.weight", scale, sqrt3},
    {"recon", "*.bn3.weight", scale, 0.1, 0.25},
    {"recon", "*.bn*.weight", scale, 0.3, 1},
    {"recon", "*.downsample.0.weight", gain, 1},
    {"recon", "*.downsample.1.weight", scale, 0.3, 1},
    {"recon", "*.conv*.weight", gain, 2},
    {"recon", "final_layers.5.bias", scale, 0.05},
    {"recon", "final_layers.6.bias", scale, 0.05},
    {"recon", "final_layers.*.weight", gain, 0.25},
    {"arcface", "*.bn3.weight", scale, 0.1, 0.25},
    {"arcface", "*.conv.3.weight", scale, 0.3, 1},
    {"arcface", "*.conv.0.0.weight", gain, 4},
    {"arcface", "*.conv.2.weight", gain, 0.5},
    {"arcface", "*bn*.weight", scale, 0.3, 1},
    {"arcface", "features.weight", scale, 0.3, 1},
    {"arcface", "*prelu.weight", scale, 0.1, 0.25},
    {"arcface", "*.1.weight", scale, 0.3, 1},
    {"arcface", "*.conv2.weight", gain, 2 / 1.06},
    {"arcface", "*.weight", gain, 1},
    {"lpips", "net.*.weight", gain, 2},
    {"*", "*.bias", scale, 0.1},
});

// The recorded networks were named after their sizes.
constexpr auto recorded_names = std::to_array<std::array<std::string_view, 2>>({
    {"generator", "generator256"},
    {"discriminator", "discriminator256"},
    {"recon", "recon_resnet50"},
    {"arcface", "arcface_iresnet50"},
    {"lpips", "lpips_vgg"},
});

std::string_view recorded_name(std::string_view network) {
  for (const auto& [ours, recorded] : recorded_names) {
    if (network == ours) return recorded;
  }
  return network;
}

double scale_of(const Rule& rule, const Shape& shape) {
  if (rule.kind == Rule::Kind::scale) return rule.value;
  const std::int64_t fan_in = shape.numel() / shape[0];
  return sqrt3 * std::sqrt(rule.value) / std::sqrt(static_cast<double>(fan_in));
}

}  // namespace

ReferenceFill reference_fill(const Declared& declared) {
  ReferenceFill result;
  if (declared.init.kind == Init::Kind::values) {
    result.constant = true;
    return result;
  }
  const std::size_t slash = declared.name.find('/');
  check<GraphError>(slash != std::string::npos, "parameter '", declared.name, "' does not say its network");
  const std::string_view name = declared.name;
  const std::string_view network = name.substr(0, slash), entry = name.substr(slash + 1);
  for (const Rule& rule : rules) {
    if (!matches(rule.network, network) || !matches(rule.entry, entry)) continue;
    result.name = str(recorded_name(network), "/", entry);
    result.scale = scale_of(rule, declared.type.shape);
    result.offset = rule.offset;
    return result;
  }
  throw GraphError(str("parameter '", declared.name, "' has no rule for its reference values"));
}

Tensor reference_value(const Declared& declared) {
  const ReferenceFill f = reference_fill(declared);
  return f.constant ? declared.init.values.clone() : fill(f.name, declared.type.shape, f.scale, f.offset);
}

}  // namespace g2face
