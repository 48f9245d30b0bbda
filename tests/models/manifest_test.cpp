// Every network declares exactly what the reference's state dict holds, and the reference fill equals the recorded one.

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "g2face/models/networks.hpp"
#include "g2face/models/reference_fill.hpp"

using namespace g2face;
using nlohmann::json;

namespace {

json read_json(const std::string& file) {
  std::ifstream in(str(G2FACE_TEST_DATA, "/manifests/", file, ".json"));
  REQUIRE_MESSAGE(in.good(), file);
  return json::parse(in);
}

const std::map<std::string, std::string> manifest_of = {
    {"generator", "generator256"}, {"style_mlp", "style_mlp"},
    {"map_2_id", "map_2_id"},      {"hiding_extractor", "hiding_extractor"},
    {"recon", "recon_resnet50"},   {"discriminator", "discriminator256"},
    {"lpips", "lpips_vgg"},        {"arcface", "arcface_iresnet50"},
};

Type type_of(const json& entry) {
  const auto dims = entry["shape"].get<std::vector<std::int64_t>>();
  return {entry["dtype"] == "int64" ? DType::i64 : DType::f32, Shape(dims)};
}

void check_fill(const Declared& d, const json& entry) {
  const ReferenceFill f = reference_fill(d);
  CHECK_EQ(f.constant, entry["fill"] == "constant");
  if (!f.constant) {
    CHECK_EQ(f.name, entry["fill_name"].get<std::string>());
    CHECK_EQ(f.scale, entry["fill_scale"].get<double>());
    CHECK_EQ(f.offset, entry["fill_offset"].get<double>());
    return;
  }
  const Tensor values = reference_value(d).to(DType::f64);
  CHECK(std::ranges::equal(values.as<double>(), entry["values"].get<std::vector<double>>()));
}

void check_declared(std::string_view network, const ModelConfig& config, const std::string& manifest) {
  CAPTURE(manifest);
  std::map<std::string, json> entries;
  for (const json& entry : read_json(manifest)) {
    if (!entry.contains("alias_of")) entries.emplace(str(network, "/", entry["name"].get<std::string>()), entry);
  }
  const std::vector<Declared> declared = declare(network, config);
  CHECK_EQ(declared.size(), entries.size());
  for (const Declared& d : declared) {
    CAPTURE(d.name);
    REQUIRE(entries.contains(d.name));
    const json& entry = entries.at(d.name);
    CHECK_EQ(d.type, type_of(entry));
    CHECK_EQ(d.init.buffer, entry["kind"] == "buffer");
    CHECK_EQ(d.trainable, !d.init.buffer);
    check_fill(d, entry);
  }
}

}  // namespace

TEST_CASE("each network declares the entries of its manifest, of the same types and fills") {
  for (std::string_view network : network_names()) check_declared(network, {}, manifest_of.at(std::string(network)));
  check_declared("arcface", ModelConfig::preset("g2face-slim-64-mobile"), "mobilefacenet");
}

TEST_CASE("fill gives the recorded numbers") {
  const json checks = read_json("checksums");
  for (const auto& item : checks["fill"].items()) {
    const std::string& name = item.key();
    const json& check = item.value();
    CAPTURE(name);
    const auto dims = check["shape"].get<std::vector<std::int64_t>>();
    const Tensor values = fill(name, Shape(dims), check["scale"].get<double>(), check["offset"].get<double>());
    const auto first = check["first4"].get<std::vector<double>>();
    for (std::size_t i = 0; i < first.size(); ++i) CHECK_EQ(values.as<float>()[i], static_cast<float>(first[i]));
  }
  for (const auto& [network, recorded] : manifest_of) {
    const json& some = checks["networks"][recorded]["some"];
    CHECK_FALSE(some.empty());
    for (const Declared& d : declare(network)) {
      const std::string entry = d.name.substr(network.size() + 1);
      if (!some.contains(entry)) continue;
      CAPTURE(d.name);
      const Tensor value = reference_value(d).to(DType::f64);
      const auto first = some[entry]["first4"].get<std::vector<double>>();
      for (std::size_t i = 0; i < first.size(); ++i) CHECK_EQ(value.as<double>()[i], first[i]);
    }
  }
}

TEST_CASE("a name that no network has is refused") {
  CHECK_THROWS_WITH_AS(declare("generater"), "network 'generater' is unknown", GraphError);
}
