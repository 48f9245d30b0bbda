#include "network_adapters.hpp"

#include <cctype>

#include "g2face/models/arcface.hpp"
#include "g2face/models/extractor.hpp"
#include "g2face/models/generator.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/lpips.hpp"
#include "g2face/models/mobilefacenet.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/stylegan2.hpp"

namespace g2face::golden {
namespace {

Value fetch(NetworkGraph& n, const std::string& name, const InputSource& source, InputTensors& tensors) {
  const Tensor t = source(name, {});
  tensors[name] = t;
  return n.input(name, t.shape());
}

void build_generator(NetworkGraph& n, std::int64_t resolution, const InputSource& source, InputTensors& tensors) {
  n.config.resolution = resolution;
  const Value image = fetch(n, "image", source, tensors);
  const Value styles = fetch(n, "style", source, tensors);
  const Value bits = fetch(n, "bits", source, tensors);
  GeneratorNoise noise;
  const std::int64_t batch = image.shape()[0];
  for (const auto& [layer, size] : generator_noise(n.config)) {
    const Shape shape = {batch, 1, size, size};
    Surroundings around;
    around.symbols = {{"N", batch}, {"H", size}, {"W", size}};
    around.words = {{"layer", layer}};
    around.shape = shape;
    around.has_shape = true;
    const std::string name = "noise." + layer;
    tensors[name] = source("noise", around);
    check<ExpressionError>(tensors[name].shape() == shape, "noise of ", layer, " has shape ", tensors[name].shape(),
                           ", expected ", shape);
    noise.values.push_back(n.input(name, shape));
  }
  n.out = generator(n.scope, image, styles, bits, noise, n.config);
}

void build_discriminator(NetworkGraph& n, std::int64_t resolution, const InputSource& source, InputTensors& tensors) {
  n.config.resolution = resolution;
  n.out = discriminator(n.scope, fetch(n, "image", source, tensors), n.config);
}

void build_extractor(NetworkGraph& n, std::int64_t, const InputSource& source, InputTensors& tensors) {
  n.out = hiding_extractor(n.scope, fetch(n, "image", source, tensors), n.config);
}

void build_arcface(NetworkGraph& n, std::int64_t depth, const InputSource& source, InputTensors& tensors) {
  n.config.arcface_depth = depth;
  n.out = arcface(n.scope, fetch(n, "image", source, tensors), n.config);
}

void build_mobilefacenet(NetworkGraph& n, std::int64_t, const InputSource& source, InputTensors& tensors) {
  n.config = ModelConfig::preset("g2face-slim-64-mobile");
  n.out = mobilefacenet(n.scope, fetch(n, "image", source, tensors), n.config);
}

void build_recon(NetworkGraph& n, std::int64_t depth, const InputSource& source, InputTensors& tensors) {
  check<ShapeError>(depth == 50, "the face network has 50 layers, not ", depth);
  n.out = recon(n.scope, fetch(n, "image", source, tensors), n.config);
}

void build_map_2_id(NetworkGraph& n, std::int64_t, const InputSource& source, InputTensors& tensors) {
  n.out = map_2_id(n.scope, fetch(n, "z", source, tensors), n.config);
}

void build_style_mlp(NetworkGraph& n, std::int64_t, const InputSource& source, InputTensors& tensors) {
  const Value identity = fetch(n, "id", source, tensors);
  n.out = style_mlp(n.scope, identity, fetch(n, "shape", source, tensors), n.config);
}

void build_lpips(NetworkGraph& n, std::int64_t, const InputSource& source, InputTensors& tensors) {
  const Value a = fetch(n, "in0", source, tensors);
  n.out = lpips(n.scope, a, fetch(n, "in1", source, tensors), n.config);
}

constexpr NetworkAdapter table[] = {
    {"generator", build_generator, "generator"},
    {"discriminator", build_discriminator, "discriminator"},
    {"style_mlp", build_style_mlp, "style_mlp"},
    {"map_2_id", build_map_2_id, "map_2_id"},
    {"arcface_iresnet", build_arcface, "arcface"},
    {"recon_resnet", build_recon, "recon"},
    {"lpips_vgg", build_lpips, "lpips"},
    {"hiding_extractor", build_extractor, "hiding_extractor", true},
    {"mobilefacenet", build_mobilefacenet, "arcface"},
};

}  // namespace

FoundNetwork find_network(std::string_view name) {
  std::size_t end = name.size();
  while (end > 0 && std::isdigit(static_cast<unsigned char>(name[end - 1]))) --end;
  FoundNetwork found;
  for (const char c : name.substr(end).substr(0, 6)) found.number = found.number * 10 + (c - '0');
  for (const NetworkAdapter& a : table)
    if (a.name == name.substr(0, end)) found.adapter = &a;
  return found;
}

}  // namespace g2face::golden
