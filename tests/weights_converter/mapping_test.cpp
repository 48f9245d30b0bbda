#include "weights_converter/mapping.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "golden_check/json_file.hpp"
#include "io/sha256.hpp"
#include "weights_converter/architecture.hpp"
#include "weights_converter/memory_file.hpp"

using namespace g2face;
using namespace g2face::weights;

namespace {

std::string destination(std::string_view mapping, const std::string& name,
                        const std::vector<std::string>& others = {}) {
  std::vector<std::string> names = {name};
  names.insert(names.end(), others.begin(), others.end());
  const Destination d = destinations(mapping_of(mapping), names).front();
  return d.name.empty() ? str("(", d.reason, ")") : d.name;
}

std::string recognised(const std::vector<std::string>& names) {
  const Mapping* mapping = recognise(names);
  return mapping ? std::string(mapping->name) : "nothing";
}

}  // namespace

TEST_CASE("a pattern has at most one star, which stands for any text") {
  CHECK(matched("a.b", "a.b") == "");
  CHECK(!matched("a.b", "a.bc"));
  CHECK(matched("a/*", "a/b/c") == "b/c");
  CHECK(matched("a/*", "a/") == "");
  CHECK(matched("*", "") == "");
  CHECK(matched("a*a", "aba") == "b");
  CHECK(!matched("a*a", "a"));
  CHECK(filled("x/*.y", "1") == "x/1.y");
  CHECK(filled("x", "1") == "x");
  for (const Mapping& m : mappings()) {
    for (const NameRule& rule : m.rules) {
      CAPTURE(rule.from);
      CHECK(std::count(rule.from.begin(), rule.from.end(), '*') <= 1);
      CHECK(std::count(rule.to.begin(), rule.to.end(), '*') <= std::count(rule.from.begin(), rule.from.end(), '*'));
      CHECK(rule.to.empty() != rule.reason.empty());
    }
  }
}

TEST_CASE("what training on several GPUs writes before names goes, wherever a dictionary begins") {
  CHECK(without_module("module.conv1.weight") == "conv1.weight");
  CHECK(without_module("anonymous_net/module.module.conv1.weight") == "anonymous_net/conv1.weight");
  CHECK(without_module("a/module.b/module.c.module.d") == "a/b/c.module.d");
  CHECK(without_module("module") == "module");
}

TEST_CASE("files are recognised by their names") {
  CHECK(recognised({"generator/input.input", "style_mlp/style_low.0.weight"}) == "model");
  CHECK(recognised({"optimizer/state/0/step", "map_2_id/map_2_id.0.weight"}) == "g2face");
  CHECK(recognised({"g_ema/style.1.weight", "g_ema/convs.0.conv.weight"}) == "stylegan2");
  CHECK(recognised({"g_ema/style.1.weight"}) == "nothing");
  CHECK(recognised({"net_recon/backbone.conv1.weight"}) == "deep3dfacerecon");
  CHECK(recognised({"prelu.weight", "layer1.0.prelu.weight", "fc.weight"}) == "arcface");
  CHECK(recognised({"conv1.weight", "layer1.0.conv1.weight", "fc.weight"}) == "nothing");  // a ResNet of torchvision
  CHECK(recognised({"dw_conv.depthwise.weight", "gdconv.depthwise.weight"}) == "mobilefacenet");
  CHECK(recognised({"lin0.model.1.weight"}) == "lpips");
  CHECK(recognised({"features.2.weight", "features.28.weight"}) == "vgg16");
  CHECK(recognised({"meanshape", "idBase", "exBase"}) == "bfm");
  CHECK(recognised({"neutral", "identity", "expression"}) == "ict-facekit");
  CHECK(recognised({}) == "nothing");
  CHECK_THROWS_WITH_AS(mapping_of("g3face"), doctest::Contains("'g3face' is unknown; there are model, g2face"), Error);
}

TEST_CASE("names of files become names of models, or are left out for a reason") {
  CHECK(destination("g2face", "anonymous_net/convs.3.conv.weight") == "generator/convs.3.conv.weight");
  CHECK(destination("g2face", "optimizer_D/state/0/step") == "(state of an optimizer)");
  CHECK(destination("g2face", "something") == "(no row of the mapping fits it)");
  CHECK(destination("stylegan2", "g_ema/to_rgbs.0.bias") == "generator/to_rgbs.0.bias");
  CHECK(destination("stylegan2", "g_ema/style.3.bias") == "mapping/style.3.bias");
  CHECK(destination("stylegan2", "latent_avg") == "mapping/w_avg");
  CHECK(destination("stylegan2", "d/convs.0.0.weight") == "discriminator/convs.0.0.weight");
  CHECK(destination("stylegan2", "g/conv1.noise.weight") == "generator/conv1.noise.weight");
  CHECK(destination("stylegan2", "g/conv1.noise.weight", {"g_ema/conv1.noise.weight"}) ==
        "(not averaged: g_ema is used)");
  CHECK(destination("lpips", "lins.2.model.1.weight") == "lpips/lin2.model.1.weight");
  CHECK(destination("lpips", "lins.2.model.1.weight", {"lin0.model.1.weight"}) == "(a second time the same as linK)");
  CHECK(destination("vgg16", "features.17.bias") == "lpips/net.slice4.17.bias");
  CHECK(destination("vgg16", "classifier.6.bias") == "(LPIPS ends before the classifier)");
}

// Their names are the real ones; their shapes are cut down.
TEST_CASE("recorded checkpoints: each tensor goes where the authors' modules have it, byte for byte") {
  struct Case {
    std::string file, mapping;
    std::vector<std::pair<std::string, std::string>> prefixes;  // in the file, and in the model
  };
  const std::vector<std::pair<std::string, std::string>> authors = {{"map_2_id/module.", "map_2_id/"},
                                                                    {"anonymous_net/module.", "generator/"},
                                                                    {"style_mlp/module.", "style_mlp/"},
                                                                    {"anonymous_net/", "generator/"},
                                                                    {"style_mlp/", "style_mlp/"},
                                                                    {"map_2_id/", "map_2_id/"},
                                                                    {"hiding_extractor/", "hiding_extractor/"},
                                                                    {"discriminator/", "discriminator/"}};
  const std::vector<Case> cases = {
      {"train_zip.pth", "g2face", authors},
      {"train_legacy.pth", "g2face", authors},
      {"ddp_prefix.pth", "g2face", authors},
      {"torch2_layout.pth", "g2face", authors},
      {"stylegan2.pt",
       "stylegan2",
       {{"g_ema/style.", "mapping/style."},
        {"g_ema/", "generator/"},
        {"d/", "discriminator/"},
        {"latent_avg", "mapping/w_avg"}}},
      {"arcface_flat.pth", "arcface", {{"", "arcface/"}}},
      {"recon_epoch_20.pth", "deep3dfacerecon", {{"net_recon/", "recon/"}}},
      {"vgg16_torchvision.pth", "vgg16", {{"features.", "lpips/net.slice"}}},
  };
  NamedTypes networks;
  for (const std::string_view network : network_names())
    for (const Declared& d : declare(network)) networks.emplace(d.name, d.type);
  for (const Case& c : cases) {
    CAPTURE(c.file);
    const std::filesystem::path folder = std::filesystem::path(G2FACE_TEST_DATA) / "checkpoints";
    Source source;
    source.file = open_weight_file((folder / c.file).string());
    source.mapping = &mapping_for(*source.file, {});
    CHECK(source.mapping->name == c.mapping);
    std::vector<std::string> names;
    for (const StoredTensor& t : source.file->tensors()) names.push_back(without_module(t.name));
    const std::vector<Destination> to = destinations(*source.mapping, names);
    const auto recorded = golden::load_json(folder / c.file.substr(0, c.file.rfind('.')).append(".json"));
    std::size_t found = 0;
    for (const auto& entry : recorded.at("tensors")) {
      const auto name = entry.at("name").get<std::string>();
      CAPTURE(name);
      const auto at = std::find_if(source.file->tensors().begin(), source.file->tensors().end(),
                                   [&](const StoredTensor& t) { return t.name == name; });
      REQUIRE(at != source.file->tensors().end());
      const Destination& d = to[static_cast<std::size_t>(at - source.file->tensors().begin())];
      const auto prefix =
          std::find_if(c.prefixes.begin(), c.prefixes.end(), [&](const auto& p) { return name.starts_with(p.first); });
      const bool left_out = prefix == c.prefixes.end() || name.find("noises.") != std::string::npos;
      CHECK(d.name.empty() == left_out);
      if (left_out) continue;
      ++found;
      if (c.mapping == "vgg16") {  // 0 -> slice1.0, 28 -> slice5.28
        CHECK(d.name.starts_with(prefix->second));
        CHECK(d.name.substr(prefix->second.size() + 2) == name.substr(prefix->first.size()));
      } else {
        CHECK(d.name == prefix->second + name.substr(prefix->first.size()));
      }
      if (!d.name.starts_with("mapping/")) CHECK(networks.contains(d.name));
      std::vector<std::byte> buffer;
      const Type type{networks.contains(d.name) ? networks.at(d.name).dtype : DType::f32,
                      Shape(std::span<const std::int64_t>(at->shape))};
      const auto bytes = contents_of({d.name, type, 0, &*at, {}}, {source}, buffer);
      CHECK(io::sha256({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}) ==
            entry.at("sha256").get<std::string>());
    }
    CHECK(found > 5);
  }
}
