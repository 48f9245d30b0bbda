#include "io/json_text.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "g2face/error.hpp"

namespace g2face::io {

struct JsonObject::Data {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
};

JsonObject::JsonObject() : data_(std::make_unique<Data>()) {}
JsonObject::~JsonObject() = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;

JsonObject& JsonObject::set(std::string_view key, std::string_view value) {
  data_->json[std::string(key)] = std::string(value);
  return *this;
}
JsonObject& JsonObject::set(std::string_view key, double value) {
  if (std::isfinite(value)) {
    data_->json[std::string(key)] = value;
  } else {
    data_->json[std::string(key)] = nullptr;
  }
  return *this;
}
JsonObject& JsonObject::set(std::string_view key, std::int64_t value) {
  data_->json[std::string(key)] = value;
  return *this;
}
JsonObject& JsonObject::set(std::string_view key, bool value) {
  data_->json[std::string(key)] = value;
  return *this;
}
JsonObject& JsonObject::set(std::string_view key, const JsonObject& value) {
  data_->json[std::string(key)] = value.data_->json;
  return *this;
}
JsonObject& JsonObject::set(std::string_view key, const std::vector<std::string>& values) {
  data_->json[std::string(key)] = values;
  return *this;
}
JsonObject& JsonObject::set(std::string_view key, const std::vector<Scalar>& values) {
  nlohmann::ordered_json& list = data_->json[std::string(key)] = nlohmann::ordered_json::array();
  for (const Scalar& value : values) std::visit([&list](const auto& v) { list.push_back(v); }, value);
  return *this;
}
JsonObject& JsonObject::set_list(std::string_view key) {
  data_->json[std::string(key)] = nlohmann::ordered_json::array();
  return *this;
}
JsonObject& JsonObject::add(std::string_view key, JsonObject object) {
  data_->json[std::string(key)].push_back(std::move(object.data_->json));
  return *this;
}

std::string JsonObject::str() const {
  return data_->json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::map<std::string, std::string> string_map(std::string_view text, const std::string& field) {
  const nlohmann::json all = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  check<Error>(!all.is_discarded(), "is not valid JSON");
  check<Error>(all.is_object() && all.contains(field) && all[field].is_object(), "has no object '", field, "'");
  std::map<std::string, std::string> result;
  for (const auto& [name, value] : all[field].items()) {
    check<Error>(value.is_string(), "'", field, "': '", name, "' is not a text");
    result.emplace(name, value.get<std::string>());
  }
  return result;
}

}  // namespace g2face::io
