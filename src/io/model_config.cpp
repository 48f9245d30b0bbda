// ModelConfig as JSON.

#include <array>

#include "g2face/models/config.hpp"
#include "io/config_fields.hpp"
#include "io/model_fields.hpp"

namespace g2face {
namespace {

constexpr auto identity_networks = std::to_array<std::string_view>({"iresnet", "mobilefacenet"});
constexpr auto encoder_norms = std::to_array<std::string_view>({"instance", "none"});

/// As a list of x, y and size, which is empty if there is none.
void visit_square(io::ConfigFields& f, std::string_view key, std::optional<ImageSquare>& square) {
  std::vector<double> numbers;
  if (square) numbers = {square->x, square->y, square->size};
  f.field(key, numbers);
  check<io::ConfigError>(numbers.empty() || numbers.size() == 3, key, " has ", numbers.size(),
                         " numbers, expected x, y and size, or none");
  square.reset();
  if (!numbers.empty()) square = {.x = numbers[0], .y = numbers[1], .size = numbers[2]};
}

}  // namespace

io::VisitFields io::model_fields(ModelConfig& c) {
  return [&c](ConfigFields& f) {
    constexpr WholeRange size{0, std::int64_t{1} << 30};
    f.field("name", c.name);
    f.field("resolution", c.resolution, size);
    f.field("channels", c.channels);
    f.field("style_dim", c.style_dim, size);
    f.field("identity_dim", c.identity_dim, size);
    f.field("mlp_depth", c.mlp_depth, size);
    f.field("mlp_lr_mul", c.mlp_lr_mul);
    f.field("style_bands", c.style_bands);
    f.choice("encoder_norm", c.encoder_norm, encoder_norms);
    f.field("extractor_width", c.extractor_width, size);
    f.field("extractor_blocks", c.extractor_blocks, size);
    f.choice("identity_network", c.identity_network, identity_networks);
    visit_square(f, "identity_crop", c.identity_crop);
    f.field("arcface_depth", c.arcface_depth, size);
    f.field("arcface_width", c.arcface_width, size);
    f.field("arcface_size", c.arcface_size, size);
    f.field("recon_width", c.recon_width, size);
    f.field("recon_blocks", c.recon_blocks);
    f.field("lpips_width", c.lpips_width, size);
  };
}

namespace {

constexpr const char* architecture_key = "architecture";
constexpr const char* where = "model configuration";

/// Lets `read` set a configuration. A model that cannot be built is a matter of its file.
template <class Read>
ModelConfig checked(Read&& read) {
  ModelConfig config;
  try {
    read(io::model_fields(config));
  } catch (const io::ConfigError& error) {
    throw CheckpointError(error.what());
  }
  config.validate();
  return config;
}

}  // namespace

ModelConfig ModelConfig::from_json(std::string_view text) {
  return checked([&](const io::VisitFields& fields) { io::read_config(text, where, fields); });
}

std::string ModelConfig::to_json() const {
  ModelConfig copy = *this;
  return io::write_config(io::model_fields(copy));
}

ModelConfig ModelConfig::of(const Parameters& parameters) {
  return checked([&](const io::VisitFields& fields) { io::read_fact(parameters, architecture_key, where, fields); });
}

void ModelConfig::store(Parameters& parameters) const {
  ModelConfig copy = *this;
  io::write_fact(parameters, architecture_key, io::model_fields(copy));
}

}  // namespace g2face
