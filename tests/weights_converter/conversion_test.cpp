#include "weights_converter/conversion.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "g2face/models/check.hpp"
#include "g2face/train/prior.hpp"
#include "g2face/train/stages.hpp"
#include "io/temporary_folder.hpp"
#include "models/tiny.hpp"
#include "weights_converter/architecture.hpp"
#include "weights_converter/convert.hpp"
#include "weights_converter/memory_file.hpp"

using namespace g2face;
using namespace g2face::test;
using namespace g2face::weights;
using g2face::tests::tiny_config;

namespace {

using Prefixes = std::vector<std::pair<std::string, std::string>>;

const Prefixes authors = {{"generator/", "anonymous_net/module."},
                          {"style_mlp/", "style_mlp/"},
                          {"map_2_id/", "map_2_id/"},
                          {"hiding_extractor/", "hiding_extractor/"},
                          {"discriminator/", "discriminator/"}};

Parameters tiny_parameters() { return new_parameters(network_names(), tiny_config(), Fill::reference); }

/// Converts to a file that is then loaded.
struct Conversions {
  TemporaryFolder folder;
  std::string output = (folder / "model.safetensors").string();
  ConvertReport report;

  Parameters run(std::vector<Source> sources, const ConvertOptions& options = {}) {
    report = convert(std::move(sources), output, options);
    return Parameters::load(output);
  }
  std::string refusal(std::vector<Source> sources, const ConvertOptions& options = {}) {
    std::string message = message_of<Error>([&] { run(std::move(sources), options); });
    CHECK(folder.file_count() == 0);
    CHECK(message.find('\n') == std::string::npos);
    return message;
  }
};

void check_same(const Parameters& got, const Parameters& want, const std::string& prefix) {
  std::size_t count = 0;
  for (const auto& entry : want) {
    const std::string& name = entry.first;
    const Tensor& tensor = entry.second;
    if (!name.starts_with(prefix)) continue;
    CAPTURE(name);
    REQUIRE(got.contains(name));
    const Tensor& t = got.at(name);
    REQUIRE(t.type() == tensor.type());
    CHECK(std::memcmp(t.data(), tensor.data(), t.bytes()) == 0);
    ++count;
  }
  CHECK(count > 0);
}

/// Some of `parameters`.
Parameters only(const Parameters& parameters, const std::string& prefix) {
  Parameters some;
  for (const auto& [name, tensor] : parameters)
    if (name.starts_with(prefix)) some.set(name, tensor);
  return some;
}

bool says(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("the architecture is found by names and shapes") {
  std::vector<ModelConfig> configs = {tiny_config()};
  for (const std::string& name : ModelConfig::preset_names()) configs.push_back(ModelConfig::preset(name));
  configs.push_back(tiny_config());
  configs.back().arcface_depth = 100;
  configs.back().recon_blocks = {1, 2, 3, 1};
  configs.back().extractor_blocks = 5;
  configs.back().mlp_depth = 3;
  for (const ModelConfig& config : configs) {
    CAPTURE(config.name);
    NamedTypes types;
    for (const std::string_view network : network_names())
      for (const Declared& d : declare(network, config)) types.emplace(d.name, d.type);
    ModelConfig found = architecture_of(types);
    found.name = config.name;
    if (config.identity_network == IdentityNetwork::mobilefacenet) found.arcface_depth = config.arcface_depth;
    CHECK(found.to_json() == config.to_json());
    const bool is_preset = config.name.starts_with("g2face-");
    CHECK(name_of(found) == (is_preset ? config.name : "converted"));
  }
}

TEST_CASE("the authors' file becomes a model with the same values") {
  const Parameters p = tiny_parameters();
  MemoryFile file = file_of("G2Face.pth", p, authors);
  file.add("optimizer/state/0/exp_avg", Tensor::zeros({DType::f32, {3}}));
  Conversions c;
  const Parameters got = c.run({source_of(std::move(file))});
  for (const auto& [prefix, in_file] : authors) check_same(got, p, prefix);
  ModelConfig config = ModelConfig::of(got);
  CHECK(config.resolution == 16);
  CHECK(config.channels == tiny_config().channels);
  CHECK(config.identity_dim == 6);
  CHECK(config.style_bands == tiny_config().style_bands);
  CHECK(config.name == "converted");
  CHECK(c.report.inputs.at(0).mapping == "g2face");
  CHECK(c.report.ignored.size() == 1);
  CHECK(c.report.absent == std::vector<std::string>{"recon", "arcface"});
  CHECK(c.report.problems.empty());
  CHECK(says(c.report.text(), "ignored, state of an optimizer: optimizer/state/0/exp_avg"));
  CHECK(says(c.report.json(), "\"anonymous_net/module.input.input\":\"generator/input.input\""));
  CHECK(says(got.metadata().at("g2face"), "\"file\":\"G2Face.pth\""));
  CHECK(trained_bits(got) == PayloadBits::floats);  // as the authors train; a model of this project says so itself
  Source own = source_of(file_of("model.safetensors", p, {{"", ""}}));
  store_trained_bits(own.facts, PayloadBits::uniform);
  Conversions again;
  CHECK(trained_bits(again.run({own})) == PayloadBits::uniform);
}

TEST_CASE("several files make one model, which anonymizes") {
  const Parameters p = tiny_parameters();
  Conversions c;
  std::vector<Source> sources;
  sources.push_back(source_of(file_of("G2Face.pth", p, authors)));
  sources.push_back(source_of(file_of("epoch_20.pth", p, {{"recon/", "net_recon/"}})));
  sources.push_back(source_of(file_of("arcface.pth", p, {{"arcface/", ""}})));
  sources.push_back(source_of(file_of("lpips.pth", p, {{"lpips/", ""}})));
  const Parameters got = c.run(std::move(sources));
  check_same(got, p, "");
  CHECK(got.size() == p.size());
  CHECK(c.report.absent.empty());
  ModelConfig config = ModelConfig::of(got);
  config.name = tiny_config().name;
  CHECK(config.to_json() == tiny_config().to_json());
}

TEST_CASE("what two files give is an error that names both, unless one of them is kept out") {
  const Parameters p = tiny_parameters();
  Conversions c;
  const auto both = [&] {
    std::vector<Source> sources;
    sources.push_back(source_of(file_of("a.pth", p, authors)));
    sources.push_back(source_of(file_of("b.pth", only(p, "map_2_id/"), {{"map_2_id/", "map_2_id/"}})));
    return sources;
  };
  const std::string refused = c.refusal(both());
  CHECK(says(refused,
             "given twice: map_2_id/map_2_id.0.bias from map_2_id/map_2_id.0.bias of a.pth and from "
             "map_2_id/map_2_id.0.bias of b.pth"));
  const std::string again =
      c.refusal({source_of(MemoryFile("c.pth")
                               .add("map_2_id/map_2_id.0.bias", Tensor::zeros({DType::f32, {6}}))
                               .add("map_2_id/module.map_2_id.0.bias", Tensor::zeros({DType::f32, {6}})))});
  CHECK(says(again, "given twice: map_2_id/map_2_id.0.bias"));
  check_same(c.run(both(), {.only = {"generator"}, .rename = {{"map_2_id/*", ""}}}), p, "generator/");
}

TEST_CASE("a file that fits no architecture is refused with all that is wrong, and nothing is written") {
  Parameters p = only(tiny_parameters(), "map_2_id/");
  p.erase("map_2_id/map_2_id.2.bias");
  p.set("map_2_id/map_2_id.4.bias", Tensor::zeros({DType::f32, {5}}));
  p.set("map_2_id/map_2_id.4.weight", Tensor::zeros({DType::i32, {6}}));
  p.set("map_2_id/map_2_id.7.weight", Tensor::zeros({DType::f32, {6}}));
  Conversions c;
  const std::string refused = c.refusal({source_of(file_of("m.pth", p, authors))});
  CHECK(refused ==
        "m.pth: read as the authors' G2Face: does not fit model 'converted': missing: "
        "map_2_id/map_2_id.2.bias; of another shape or dtype: map_2_id/map_2_id.4.bias f32[5] instead of "
        "f32[6], map_2_id/map_2_id.4.weight i32[6] instead of f32[6]; not known: map_2_id/map_2_id.7.weight");

  const Parameters small = only(tiny_parameters(), "generator/");
  MemoryFile cut("cut.pth");  // one level: no configuration has so few
  for (const auto& [name, tensor] : small)
    if (name.find("s.") == std::string::npos) cut.add(str("anonymous_net/", name.substr(10)), tensor);
  const std::string none = c.refusal({source_of(std::move(cut))});
  CHECK(says(none, "resolution is 4, expected a power of two from 16"));
  CHECK(says(none, "generator/input.input f32[1,8,4,4] instead of f32[1,512,4,4]"));
  CHECK(says(c.refusal({source_of(
                 MemoryFile("x.pth").add("net_recon/backbone.conv1.weight",
                                         Tensor::zeros({DType::f32, {1 << 20, 3, 7, 7}}).reshape({1 << 20, 147})))}),
             "recon_width is 1048576"));
  CHECK(says(message_of<WeightFileError>([] { source_of(MemoryFile("y.pth").add("a", Tensor::scalar(1))); }),
             "y.pth: 1 tensors (a) that no mapping knows"));
  CHECK(says(c.refusal({source_of(file_of("m.pth", p, authors))}, {.only = {"recon"}}), "nothing is left to convert"));
}

TEST_CASE("StyleGAN2 becomes the prior that G2Face's training begins with") {
  const ModelConfig config = tiny_config();
  PriorRecipe recipe;
  const Parameters p = initial_parameters(declare_prior(config, recipe), 3);
  const auto stylegan = [&](bool averaged) {
    MemoryFile file("550000.pt");
    for (const auto& [name, tensor] : p) {
      if (name == "mapping/w_avg" && averaged) file.add("latent_avg", tensor);
      if (name.starts_with("discriminator/")) file.add(str("d/", name.substr(14)), tensor);
      const std::size_t begin = name.starts_with("generator/") ? 10 : 8;
      if (name.starts_with("generator/") || name.starts_with("mapping/style.")) {
        file.add(str("g/", name.substr(begin)), averaged ? Tensor::zeros(tensor.type()) : tensor);
        if (averaged) file.add(str("g_ema/", name.substr(begin)), tensor);
      }
    }
    return file.add(averaged ? "g_ema/noises.noise_0" : "g/noises.noise_0", Tensor::zeros({DType::f32, {1, 1, 4, 4}}));
  };
  Conversions c;
  Parameters got = c.run({source_of(stylegan(true))});
  check_same(got, p, "generator/");
  check_same(got, p, "discriminator/");
  check_same(got, p, "mapping/");
  CHECK(c.report.fresh.size() > 10);
  CHECK(c.report.problems.empty());
  extend_prior(got, config, 1);  // as `g2face train --start` does
  const std::string_view needed[] = {"generator", "discriminator"};
  CHECK_NOTHROW(adopt_parameters(got, needed, ModelConfig::of(got)));

  const Parameters plain = c.run({source_of(stylegan(false))});  // a checkpoint of its training has no latent_avg
  check_same(plain, p, "generator/");
  CHECK(says(c.report.text(), "filled in: mapping/w_avg"));

  Parameters less = p;
  less.erase("generator/convs.1.conv.weight");
  Conversions other;
  CHECK(says(
      other.refusal({source_of(file_of("s.pt", less, {{"generator/", "g_ema/"}, {"mapping/style", "g_ema/style"}}))}),
      "missing: generator/convs.1.conv.weight"));
}

TEST_CASE("what the architecture fixes need not be in a file") {
  Parameters p = tiny_parameters();
  MemoryFile vgg("vgg16.pth");
  for (const auto& [name, tensor] : p)
    if (name.starts_with("lpips/net.slice")) vgg.add(str("features.", name.substr(17)), tensor);
  vgg.add("classifier.0.weight", Tensor::zeros({DType::f32, {2}}));
  Conversions c;
  const Parameters got = c.run({source_of(std::move(vgg))});
  check_same(got, p, "lpips/net.");
  check_same(got, new_parameters(network_names(), tiny_config()), "lpips/lin");
  CHECK(c.report.constants.size() == 7);
  CHECK(c.report.problems.empty());

  Parameters counted = only(p, "arcface/");
  for (const auto& [name, tensor] : p)
    if (name.ends_with("num_batches_tracked")) counted.erase(name);
  const Parameters recogniser = c.run({source_of(file_of("r.pth", counted, {{"arcface/", ""}}))});
  CHECK(recogniser.at("arcface/bn1.num_batches_tracked").item() == 0);
}

TEST_CASE("half: large tensors in 16 bits, which load as f32; values that do not fit are refused") {
  ModelConfig config = tiny_config();
  config.identity_dim = 70;  // 4900 elements
  const std::string_view network[] = {"map_2_id"};
  Parameters p = new_parameters(network, config, Fill::reference);
  for (const DType half : {DType::f16, DType::bf16}) {
    CAPTURE(half);
    Conversions c;
    Parameters got = c.run({source_of(file_of("m.pth", p, authors))}, {.half = half});
    CHECK(got.at("map_2_id/map_2_id.0.weight").dtype() == half);
    CHECK(got.at("map_2_id/map_2_id.0.bias").dtype() == DType::f32);
    CHECK(c.report.problems.empty());
    adopt_parameters(got, network, ModelConfig::of(got));
    CHECK(got.at("map_2_id/map_2_id.0.weight").dtype() == DType::f32);
    // Half of the distance to the next number of 11 or 8 bits, relative.
    CHECK(relative_error(got.at("map_2_id/map_2_id.0.weight"), p.at("map_2_id/map_2_id.0.weight")) <
          (half == DType::f16 ? 0x1p-11 : 0x1p-8));
  }
  Tensor large = p.at("map_2_id/map_2_id.0.weight").clone();
  large.mutable_as<float>()[7] = -70000;
  p.set("map_2_id/map_2_id.0.weight", large);
  Conversions c;
  CHECK(says(c.refusal({source_of(file_of("m.pth", p, authors))}, {.half = DType::f16}),
             "m.pth: map_2_id/map_2_id.0.weight: holds -70000, which is too large for f16: store bf16"));
}

TEST_CASE("types of others: f64 becomes f32, 16 bits stay, counters become i64") {
  const Parameters p = only(tiny_parameters(), "map_2_id/");
  Parameters other = p;
  other.set("map_2_id/map_2_id.0.weight", p.at("map_2_id/map_2_id.0.weight").to(DType::f64));
  other.set("map_2_id/map_2_id.2.weight", p.at("map_2_id/map_2_id.2.weight").to(DType::f16));
  other.erase("map_2_id/map_2_id.4.num_batches_tracked");
  MemoryFile file = file_of("m.pth", other, authors);
  const std::int16_t count = -3;
  file.add("map_2_id/map_2_id.4.num_batches_tracked", ElementType::i16, {}, &count, sizeof count);
  Conversions c;
  const Parameters got = c.run({source_of(std::move(file))});
  CHECK(relative_error(got.at("map_2_id/map_2_id.0.weight"), p.at("map_2_id/map_2_id.0.weight")) == 0);
  CHECK(got.at("map_2_id/map_2_id.0.weight").dtype() == DType::f32);
  CHECK(got.at("map_2_id/map_2_id.2.weight").dtype() == DType::f16);
  CHECK(got.at("map_2_id/map_2_id.4.num_batches_tracked").type() == Type{DType::i64, {}});
  CHECK(got.at("map_2_id/map_2_id.4.num_batches_tracked").item() == -3);
}

TEST_CASE("names can be changed before they are looked up") {
  const Parameters p = only(tiny_parameters(), "map_2_id/");
  const ConvertOptions options{.rename = {{"mine.*", "map_2_id/*"}, {"junk*", ""}}};
  MemoryFile file = file_of("m.pth", p, {{"map_2_id/", "mine."}});
  file.add("junk.weight", Tensor::zeros({DType::f32, {2}}));
  Conversions c;
  const Parameters got = c.run({source_of(std::move(file), options)}, options);
  check_same(got, p, "map_2_id/");
  CHECK(c.report.ignored.at(0).to == "left out by a rename");
}

TEST_CASE("values that no training gives are found in the result") {
  Parameters p = only(tiny_parameters(), "map_2_id/");
  Tensor bad = p.at("map_2_id/map_2_id.0.bias").clone();
  bad.mutable_as<float>()[1] = std::nanf("");
  p.set("map_2_id/map_2_id.0.bias", bad);
  Conversions c;
  c.run({source_of(file_of("m.pth", p, authors))});
  CHECK(c.report.problems == std::vector<std::string>{"map_2_id/map_2_id.0.bias: holds values that are not finite"});
}
