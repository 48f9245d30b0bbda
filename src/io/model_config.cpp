// ModelConfig as JSON.

#include <nlohmann/json.hpp>

#include "g2face/models/config.hpp"

namespace g2face {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view metadata_key = "g2face";
constexpr std::string_view architecture_key = "architecture";

// Names every field once, for reading and writing.
template <class Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
  visit("name", c.name);
  visit("resolution", c.resolution);
  visit("channels", c.channels);
  visit("style_dim", c.style_dim);
  visit("identity_dim", c.identity_dim);
  visit("mlp_depth", c.mlp_depth);
  visit("mlp_lr_mul", c.mlp_lr_mul);
  visit("style_bands", c.style_bands);
  visit("extractor_width", c.extractor_width);
  visit("extractor_blocks", c.extractor_blocks);
  visit("arcface_depth", c.arcface_depth);
  visit("arcface_width", c.arcface_width);
  visit("arcface_size", c.arcface_size);
  visit("recon_width", c.recon_width);
  visit("recon_blocks", c.recon_blocks);
  visit("lpips_width", c.lpips_width);
}

[[noreturn]] void refuse(std::string_view field, const Json& value, std::string_view expected) {
  throw CheckpointError(str("model configuration: ", field, " is ", value.dump(), ", expected ", expected));
}

void read(std::string_view field, const Json& j, std::string& out) {
  if (!j.is_string()) refuse(field, j, "text");
  out = j.get<std::string>();
}

void read(std::string_view field, const Json& j, double& out) {
  if (!j.is_number()) refuse(field, j, "a number");
  out = j.get<double>();
}

void read(std::string_view field, const Json& j, std::int64_t& out) {
  constexpr std::uint64_t limit = 1U << 30U;
  if (!j.is_number_unsigned() || j.get<std::uint64_t>() > limit) refuse(field, j, "a whole number, not negative");
  out = j.get<std::int64_t>();
}

template <std::size_t n>
void read(std::string_view field, const Json& j, std::array<std::int64_t, n>& out) {
  if (!j.is_array() || j.size() != n) refuse(field, j, str("a list of ", n, " whole numbers"));
  for (std::size_t i = 0; i < n; ++i) read(field, j[i], out[i]);
}

// JSON has text keys: {"4": 512, "8": 512}.
void read(std::string_view field, const Json& j, std::map<std::int64_t, std::int64_t>& out) {
  if (!j.is_object()) refuse(field, j, "an object of channels by resolution");
  out.clear();
  for (const auto& [key, value] : j.items()) {
    const bool digits = !key.empty() && key.size() < 7 && key.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) refuse(field, key, "a resolution as key");
    read(field, value, out[std::stoll(key)]);
  }
}

template <class T>
Json written(const T& value) {
  return value;
}
Json written(const std::map<std::int64_t, std::int64_t>& channels) {
  Json j = Json::object();
  for (const auto& [resolution, count] : channels) j[std::to_string(resolution)] = count;
  return j;
}

Json parsed(std::string_view text) {
  Json j = Json::parse(text, nullptr, false);
  check<CheckpointError>(j.is_object(), "model configuration: the text is not a JSON object");
  return j;
}

ModelConfig read_config(const Json& j) {
  ModelConfig config;
  Json rest = j;
  visit_fields(config, [&](const char* field, auto& value) {
    if (const auto found = j.find(field); found != j.end()) read(field, *found, value);
    rest.erase(field);
  });
  if (!rest.empty()) {
    throw CheckpointError(str("model configuration: field '", rest.begin().key(), "' is unknown"));
  }
  config.validate();
  return config;
}

Json write_config(const ModelConfig& config) {
  Json j = Json::object();
  visit_fields(config, [&](const char* field, const auto& value) { j[field] = written(value); });
  return j;
}

}  // namespace

ModelConfig ModelConfig::from_json(std::string_view text) { return read_config(parsed(text)); }

std::string ModelConfig::to_json() const { return write_config(*this).dump(2); }

ModelConfig ModelConfig::of(const Parameters& parameters) {
  const auto facts = parameters.metadata().find(metadata_key);
  if (facts == parameters.metadata().end()) return {};
  const Json j = parsed(facts->second);
  const auto found = j.find(architecture_key);
  if (found == j.end()) return {};
  if (!found->is_object()) refuse(architecture_key, *found, "an object");
  return read_config(*found);
}

void ModelConfig::store(Parameters& parameters) const {
  std::string& facts = parameters.metadata()[std::string(metadata_key)];
  Json j = facts.empty() ? Json::object() : parsed(facts);
  j[std::string(architecture_key)] = write_config(*this);
  facts = j.dump();
}

}  // namespace g2face
