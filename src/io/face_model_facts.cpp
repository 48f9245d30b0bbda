// FaceModelFacts as JSON.

#include <nlohmann/json.hpp>

#include "g2face/models/face_model.hpp"

namespace g2face {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* metadata_key = "g2face";
constexpr const char* facts_key = "face_model";

[[noreturn]] void refuse(std::string_view field, const Json& value, std::string_view expected) {
  throw CheckpointError(
      str("face model: metadata ", facts_key, ".", field, " is ", value.dump(), ", expected ", expected));
}

void read(std::string_view field, const Json& j, std::string& out) {
  if (!j.is_string()) refuse(field, j, "text");
  out = j.get<std::string>();
}

void read(std::string_view field, const Json& j, double& out) {
  if (!j.is_number()) refuse(field, j, "a number");
  out = j.get<double>();
}

void read(std::string_view field, const Json& j, NormalWeight& out) {
  if (j != "equal" && j != "area") refuse(field, j, "\"equal\" or \"area\"");
  out = j == "area" ? NormalWeight::area : NormalWeight::equal;
}

void read(std::string_view field, const Json& j, std::array<double, 3>& out) {
  if (!j.is_array() || j.size() != out.size()) refuse(field, j, "a list of 3 numbers");
  for (std::size_t i = 0; i < out.size(); ++i) read(field, j[i], out[i]);
}

void read(std::string_view field, const Json& j, std::vector<std::string>& out) {
  if (!j.is_array()) refuse(field, j, "a list of names");
  out.resize(j.size());
  for (std::size_t i = 0; i < out.size(); ++i) read(field, j[i], out[i]);
}

/// __metadata__["g2face"], an object; empty if there is none.
Json metadata_of(const Parameters& parameters) {
  const auto found = parameters.metadata().find(metadata_key);
  if (found == parameters.metadata().end()) return Json::object();
  Json json = Json::parse(found->second, nullptr, false);
  check<CheckpointError>(json.is_object(), "__metadata__[\"", metadata_key, "\"] is not a JSON object");
  return json;
}

}  // namespace

FaceModelFacts FaceModelFacts::of(const Parameters& parameters) {
  FaceModelFacts facts;
  const Json all = metadata_of(parameters);
  if (!all.contains(facts_key)) return facts;
  const Json& json = all.at(facts_key);
  check<CheckpointError>(json.is_object(), "face model: metadata ", facts_key, " is not a JSON object");
  const auto optional = [&](const char* field, auto& out) {
    if (json.contains(field)) read(field, json.at(field), out);
  };
  optional("name", facts.name);
  optional("source", facts.source);
  optional("licence", facts.licence);
  optional("normals", facts.normals);
  optional("scale", facts.scale);
  optional("origin", facts.origin);
  optional("expression_names", facts.expression_names);
  return facts;
}

void FaceModelFacts::store(Parameters& parameters) const {
  Json all = metadata_of(parameters);
  Json& json = all[facts_key] = Json::object();
  json["name"] = name;
  json["source"] = source;
  json["licence"] = licence;
  json["unit"] = "decimetre";
  json["normals"] = normals == NormalWeight::area ? "area" : "equal";
  json["scale"] = scale;
  json["origin"] = origin;
  if (!expression_names.empty()) json["expression_names"] = expression_names;
  parameters.metadata()[metadata_key] = all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace g2face
