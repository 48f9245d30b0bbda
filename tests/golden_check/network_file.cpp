#include "network_file.hpp"

#include <optional>

#include "json_file.hpp"
#include "op_file.hpp"

namespace g2face::golden {
namespace {

using nlohmann::json;

std::string trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

/// Whether a key such as "image, bits" names the input.
bool names(std::string_view key, std::string_view input) {
  for (;;) {
    const std::size_t comma = std::min(key.find(','), key.size());
    if (trimmed(key.substr(0, comma)) == input) return true;
    if (comma == key.size()) return false;
    key.remove_prefix(comma + 1);
  }
}

/// The case in "as CASE, and some prose".
std::optional<std::string> reference_in(const std::string& text) {
  if (!text.starts_with("as ")) return std::nullopt;
  return trimmed(std::string_view(text).substr(3, text.find_first_of(",;(") - 3));
}

const json& inputs_of(const json& description, const std::string& name) {
  const json& cases = description.at("cases");
  const auto it = cases.find(name);
  check<FormatError>(it != cases.end(), "there is no case '", name, "'");
  check<FormatError>(it->is_object() && it->contains("inputs") && it->at("inputs").is_object(), "case '", name,
                     "' has no 'inputs'");
  return it->at("inputs");
}

}  // namespace

Shape shape_from(const json& j, const std::string& where) {
  std::vector<std::int64_t> dims;
  check<FormatError>(j.is_array(), where, ": ", j.dump(), " is no shape");
  for (const json& d : j) {
    check<FormatError>(d.is_number_integer(), where, ": ", j.dump(), " is no shape");
    dims.push_back(d.get<std::int64_t>());
  }
  return Shape(dims);
}

json description_of(const std::filesystem::path& path, const Parameters& tensors) {
  const std::filesystem::path beside = std::filesystem::path(path).replace_extension(".json");
  if (std::filesystem::exists(beside)) return load_json(beside);
  json all = json::object();
  for (const auto& [key, text] : tensors.metadata()) {
    json value = json::parse(text, nullptr, false);
    all[key] = value.is_discarded() ? json(text) : value;
  }
  return all;
}

NetworkFile NetworkFile::load(const std::filesystem::path& path) {
  NetworkFile file;
  file.tensors = Parameters::load(path);
  file.description = description_of(path, file.tensors);
  const json& d = file.description;
  check<FormatError>(d.is_object() && d.contains("network") && d.at("network").is_string(), path.string(),
                     ": no 'network' is named");
  file.network = d.at("network").get<std::string>();
  check<FormatError>(d.contains("cases") && d.at("cases").is_object() && !d.at("cases").empty(), path.string(),
                     ": 'cases' is missing, empty or no object");
  for (const auto& item : d.at("cases").items()) file.cases.push_back(item.key());
  return file;
}

std::vector<Stage> NetworkFile::stages(const std::string& name) const {
  const json& c = description.at("cases").at(name);
  const auto list = c.find("stages");
  check<FormatError>(list != c.end() && list->is_array(), "case '", name, "' has no list of stages");
  std::vector<Stage> stages;
  for (const json& s : *list) {
    check<FormatError>(s.is_array() && s.size() >= 2 && s[0].is_string(), "case '", name, "': ", s.dump(),
                       " is no stage");
    const auto stage = s[0].get<std::string>();
    stages.push_back({stage, shape_from(s[1], stage)});
  }
  return stages;
}

std::string NetworkFile::expression(const std::string& name, const std::string& input) const {
  std::string current = name;
  for (std::size_t hops = 0; hops <= cases.size(); ++hops) {
    const json& inputs = inputs_of(description, current);
    const json* found = nullptr;
    for (const auto& item : inputs.items())
      if (item.key() != "as" && names(item.key(), input)) found = &item.value();
    if (!found) {
      const auto as = inputs.find("as");
      check<FormatError>(as != inputs.end() && as->is_string(), "case '", name, "' says nothing about input '", input,
                         "'");
      current = trimmed(as->get<std::string>());
      continue;
    }
    check<FormatError>(found->is_string(), "case '", current, "': input '", input, "' is ", found->dump(),
                       ", which is no text");
    const auto text = found->get<std::string>();
    const std::optional<std::string> other = reference_in(text);
    if (!other) return text;
    current = *other;
  }
  throw FormatError(str("cases refer to each other in a circle for input '", input, "' of '", name, "'"));
}

}  // namespace g2face::golden
