#include "g2face/models/networks.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "g2face/models/extractor.hpp"
#include "g2face/models/generator.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/identity_network.hpp"
#include "g2face/models/lpips.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/reference_fill.hpp"
#include "g2face/models/stylegan2.hpp"

namespace g2face {
namespace {

Value image_input(const Scope& s, const ModelConfig& c, std::string_view name = "image") {
  return s.graph().input({DType::f32, {1, 3, c.resolution, c.resolution}}, std::string(name));
}

Value vector_input(const Scope& s, std::int64_t size, std::string_view name) {
  return s.graph().input({DType::f32, {1, size}}, std::string(name));
}

struct Network {
  std::string_view name;
  void (*build)(const Scope&, const ModelConfig&);  // in a graph of its own, to see what it declares
};

constexpr auto networks = std::to_array<Network>({
    {"generator",
     [](const Scope& s, const ModelConfig& c) {
       const Value bits = s.graph().input({DType::f32, {1, c.bit_rows(), 32}}, "bits");
       generator(s, image_input(s, c), vector_input(s, c.style_dim, "style"), bits, {}, c);
     }},
    {"style_mlp",
     [](const Scope& s, const ModelConfig& c) {
       style_mlp(s, vector_input(s, c.identity_dim, "identity"), vector_input(s, ModelConfig::geometry_dim, "geometry"),
                 c);
     }},
    {"map_2_id", [](const Scope& s, const ModelConfig& c) { map_2_id(s, vector_input(s, c.identity_dim, "z"), c); }},
    {"hiding_extractor", [](const Scope& s, const ModelConfig& c) { hiding_extractor(s, image_input(s, c), c); }},
    {"discriminator", [](const Scope& s, const ModelConfig& c) { discriminator(s, image_input(s, c), c); }},
    {"recon", [](const Scope& s, const ModelConfig& c) { recon(s, image_input(s, c), c); }},
    {"arcface", [](const Scope& s, const ModelConfig& c) { identity_network(s, image_input(s, c), c); }},
    {"lpips",
     [](const Scope& s, const ModelConfig& c) { lpips(s, image_input(s, c, "a"), image_input(s, c, "b"), c); }},
});

constexpr auto names = [] {
  std::array<std::string_view, networks.size()> result;
  for (std::size_t i = 0; i < networks.size(); ++i) result[i] = networks[i].name;
  return result;
}();

constexpr auto names_for_inference =
    std::to_array<std::string_view>({"generator", "style_mlp", "map_2_id", "hiding_extractor", "recon", "arcface"});

// LPIPS lists its linear layers twice, as linK and as lins.K.
constexpr std::string_view alias_prefix = "lpips/lins.", primary_prefix = "lpips/lin";

std::string primary_name(const std::string& name) {
  return name.starts_with(alias_prefix) ? str(primary_prefix, name.substr(alias_prefix.size())) : name;
}

void resolve_aliases(Parameters& parameters) {
  std::vector<std::string> aliases;
  for (const auto& [name, tensor] : parameters) {
    if (name.starts_with(alias_prefix)) aliases.push_back(name);
  }
  for (const std::string& alias : aliases) {
    const std::string primary = primary_name(alias);
    if (!parameters.contains(primary)) parameters.set(primary, parameters.at(alias));
    parameters.erase(alias);
  }
}

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

}  // namespace

std::span<const std::string_view> network_names() { return names; }

std::span<const std::string_view> inference_networks() { return names_for_inference; }

std::vector<Declared> declare(std::string_view network, const ModelConfig& config) {
  config.validate();
  const auto found =
      std::find_if(networks.begin(), networks.end(), [&](const Network& n) { return n.name == network; });
  check<GraphError>(found != networks.end(), "network '", network, "' is unknown");
  Graph graph;
  const Scope scope(graph, network);
  found->build(scope, config);
  std::vector<Declared> declared = scope.declared();
  for (Declared& d : declared) d.value = {};
  return declared;
}

std::string mismatch_of(const Parameters& parameters, std::span<const std::string_view> wanted,
                        const ModelConfig& config) {
  NamedTypes expected, given;
  for (std::string_view network : wanted) {
    for (Declared& d : declare(network, config)) expected.emplace(std::move(d.name), d.type);
    for (const auto& [name, tensor] : parameters) {
      if (!name.starts_with(str(network, "/"))) continue;
      const std::string primary = primary_name(name);
      if (primary == name || !parameters.contains(primary)) given.emplace(primary, tensor.type());
    }
  }
  for (auto& [name, type] : given) {
    const auto found = expected.find(name);
    if (is_half(type.dtype) && found != expected.end() && found->second.dtype == DType::f32) type.dtype = DType::f32;
  }
  return differences(given, expected);
}

void adopt_parameters(Parameters& parameters, std::span<const std::string_view> wanted, const ModelConfig& config) {
  resolve_aliases(parameters);
  const std::string message = mismatch_of(parameters, wanted, config);
  check<CheckpointError>(message.empty(), "parameters do not fit model '", config.name, "': ", message);
  for (std::string_view network : wanted) {
    for (const Declared& d : declare(network, config)) {
      if (parameters.at(d.name).dtype() != d.type.dtype) parameters.set(d.name, parameters.at(d.name).to(d.type.dtype));
    }
  }
}

std::string differences(const NamedTypes& given, const NamedTypes& expected) {
  std::string missing, wrong, unknown;
  const auto list = [](std::string& to, const auto&... parts) { to += str(to.empty() ? "" : ", ", parts...); };
  for (const auto& [name, type] : expected) {
    if (const auto found = given.find(name); found == given.end()) {
      list(missing, name);
    } else if (found->second != type) {
      list(wrong, name, " ", found->second.str(), " instead of ", type.str());
    }
  }
  for (const auto& [name, type] : given) {
    if (!expected.contains(name)) list(unknown, name);
  }
  std::string message;
  const auto report = [&](std::string_view what, const std::string& entries) {
    if (!entries.empty()) message += str(message.empty() ? "" : "; ", what, ": ", entries);
  };
  report("missing", missing);
  report("of another shape or dtype", wrong);
  report("not known", unknown);
  return message;
}

std::string differences(const Parameters& parameters, const NamedTypes& expected) {
  NamedTypes given;
  for (const auto& [name, tensor] : parameters) given.emplace(name, tensor.type());
  return differences(given, expected);
}

Parameters new_parameters(std::span<const std::string_view> wanted, const ModelConfig& config, Fill fill,
                          std::uint64_t seed) {
  Parameters parameters;
  for (std::string_view network : wanted) {
    const std::vector<Declared> declared = declare(network, config);
    if (fill == Fill::reference) {
      for (const Declared& d : declared) parameters.set(d.name, reference_value(d));
    } else {
      const Parameters fresh = initial_parameters(declared, seed);
      for (const auto& [name, tensor] : fresh) parameters.set(name, tensor);
    }
  }
  config.store(parameters);
  return parameters;
}

}  // namespace g2face
