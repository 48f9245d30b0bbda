#include "io/config_fields.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

namespace g2face::io {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* metadata_key = "g2face";
constexpr int max_depth = 16;

/// Insertions, deletions and replacements that make b of a (Levenshtein 1965).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, corner + 1});
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

/// A key may be misspelt, or stand in the wrong group.
std::string nearest(const std::string& path, const std::vector<std::string>& known) {
  const auto distance = [&](const std::string& other) {
    return std::min(edit_distance(path, other), edit_distance(last_part(path), last_part(other)) + 1);
  };
  return *std::min_element(known.begin(), known.end(),
                           [&](const std::string& a, const std::string& b) { return distance(a) < distance(b); });
}

/// A value for a message: one line, not too long.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 100) text = text.substr(0, 100) + "...";
  return text;
}

std::string expectation(const Range& range) {
  const std::string least = str(range.open ? "above " : "from ", range.least, range.open ? "" : " on");
  if (std::isinf(range.most)) return std::isinf(range.least) ? "a number" : str("a number ", least);
  if (std::isinf(range.least)) return str("a number up to ", range.most);
  return range.open ? str("a number ", least, ", at most ", range.most)
                    : str("a number from ", range.least, " to ", range.most);
}

std::string expectation(const WholeRange& range) {
  return range.most == WholeRange().most ? str("a whole number from ", range.least, " on")
                                         : str("a whole number from ", range.least, " to ", range.most);
}

std::string listed(std::span<const std::string_view> names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list += str(i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", '"', names[i], '"');
  }
  return list;
}

/// Where we are in an object of objects.
class Position : public ConfigFields {
 public:
  void group(std::string_view key, const std::function<void()>& fields) final {
    Json* const outer = here_;
    const std::string outer_path = path_;
    here_ = enter(key);
    path_ = path_of(key);
    fields();
    leave();
    here_ = outer;
    path_ = outer_path;
  }

 protected:
  explicit Position(Json& root) : here_(&root) {}
  virtual Json* enter(std::string_view key) = 0;
  virtual void leave() = 0;

  Json& here() const { return *here_; }
  std::string path_of(std::string_view key) const { return path_.empty() ? std::string(key) : str(path_, '.', key); }

 private:
  Json* here_;
  std::string path_;
};

/// Takes out of the object what it has read.
class Reader final : public Position {
 public:
  Reader(Json& root, std::string where) : Position(root), where_(std::move(where)) {}

  using ConfigFields::choice;
  using ConfigFields::field;
  void field(std::string_view key, bool& value) override {
    if (const auto j = take(key)) value = as<bool>(key, *j, j->is_boolean(), "true or false");
  }
  void field(std::string_view key, std::int64_t& value, const WholeRange& range) override {
    if (const auto j = take(key)) value = whole(key, *j, range, *j, expectation(range));
  }
  void field(std::string_view key, double& value, const Range& range) override {
    const auto j = take(key);
    if (!j) return;
    const auto fits = [&range](double x) {
      return x <= range.most && (range.open ? x > range.least : x >= range.least);
    };
    value = as<double>(key, *j, j->is_number() && fits(j->get<double>()), expectation(range));
  }
  void field(std::string_view key, std::optional<double>& value) override {
    const auto j = take(key);
    if (!j) return;
    value.reset();
    if (!j->is_null()) value = as<double>(key, *j, j->is_number(), "a number or null");
  }
  void field(std::string_view key, std::string& value) override {
    if (const auto j = take(key)) value = as<std::string>(key, *j, j->is_string(), "text");
  }
  void field(std::string_view key, std::span<std::int64_t> values) override {
    const auto j = take(key);
    if (!j) return;
    const std::string expected = str("a list of ", values.size(), " whole numbers");
    require(j->is_array() && j->size() == values.size(), key, *j, expected);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = whole(key, (*j)[i], {}, *j, expected);
  }
  void field(std::string_view key, std::vector<double>& values) override {
    list(
        key, values, [](const Json& j) { return j.is_number(); }, "a list of numbers");
  }
  void field(std::string_view key, std::vector<std::string>& values) override {
    list(
        key, values, [](const Json& j) { return j.is_string(); }, "a list of texts");
  }
  void field(std::string_view key, std::map<std::string, double>& values) override {
    const auto j = take(key);
    if (!j) return;
    require(j->is_object(), key, *j, "an object of numbers");
    values.clear();
    for (const auto& [name, value] : j->items()) {
      values[name] = as<double>(key, value, value.is_number(), str("numbers, as \"", name, "\" too"));
    }
  }
  void field(std::string_view key, std::map<std::int64_t, std::int64_t>& values) override {
    const auto j = take(key);
    if (!j) return;
    const std::string expected = "an object of whole numbers by whole numbers, as {\"4\": 512}";
    require(j->is_object(), key, *j, expected);
    values.clear();
    for (const auto& [name, value] : j->items()) {
      std::int64_t number = -1;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      require(error == std::errc() && end == name.data() + name.size() && number >= 0, key, *j, expected);
      values[number] = whole(key, value, {}, *j, expected);
    }
  }
  void choice(std::string_view key, std::size_t& value, std::span<const std::string_view> names) override {
    const auto j = take(key);
    if (!j) return;
    const auto found = j->is_string() ? std::find(names.begin(), names.end(), j->get<std::string>()) : names.end();
    require(found != names.end(), key, *j, listed(names));
    value = static_cast<std::size_t>(found - names.begin());
  }

  /// Refuses what was not taken.
  void finish() {
    leave();
    std::string list;
    for (const std::string& path : unknown_) {
      list += str(list.empty() ? "" : ", ", path);
      if (!known_.empty()) list += str(" (did you mean ", nearest(path, known_), "?)");
    }
    check<ConfigError>(list.empty(), where_, ": there is no option ", list);
  }

 private:
  Json* enter(std::string_view key) override {
    known_.push_back(path_of(key));
    const auto found = here().find(key);
    if (found == here().end()) return &absent_;  // whose options are known all the same
    require(found->is_object(), key, *found, "an object");
    groups_.push_back(path_of(key));
    return &*found;
  }
  void leave() override {
    for (const auto& [key, value] : here().items()) {
      if (std::find(groups_.begin(), groups_.end(), path_of(key)) == groups_.end()) unknown_.push_back(path_of(key));
    }
  }

  std::optional<Json> take(std::string_view key) {
    known_.push_back(path_of(key));
    const auto found = here().find(key);
    if (found == here().end()) return std::nullopt;
    Json value = std::move(*found);
    here().erase(found);
    return value;
  }

  void require(bool ok, std::string_view key, const Json& value, const std::string& expected) const {
    check<ConfigError>(ok, where_, ": ", path_of(key), " is ", ok ? "" : shown(value), ", expected ", expected);
  }
  template <class T>
  T as(std::string_view key, const Json& value, bool ok, const std::string& expected) const {
    require(ok, key, value, expected);
    return value.get<T>();
  }
  /// JSON does not tell 1e5 from 100000. `all` is what a message shows.
  std::int64_t whole(std::string_view key, const Json& value, const WholeRange& range, const Json& all,
                     const std::string& expected) const {
    constexpr double exact = 0x1p53;
    const bool is_float = value.is_number_float();
    require(value.is_number(), key, all, expected);
    const double number = value.get<double>();
    require(std::fabs(number) <= exact && number == std::floor(number), key, all, expected);
    const auto result = is_float ? static_cast<std::int64_t>(number) : value.get<std::int64_t>();
    require(result >= range.least && result <= range.most, key, all, expected);
    return result;
  }
  template <class T>
  void list(std::string_view key, std::vector<T>& values, bool is_right(const Json&), const std::string& expected) {
    const auto j = take(key);
    if (!j) return;
    require(j->is_array() && std::all_of(j->begin(), j->end(), is_right), key, *j, expected);
    values = j->get<std::vector<T>>();
  }

  std::string where_;
  Json absent_ = Json::object();
  std::vector<std::string> known_, groups_, unknown_;  // paths
};

class Writer final : public Position {
 public:
  explicit Writer(Json& root) : Position(root) {}

  using ConfigFields::choice;
  using ConfigFields::field;
  void field(std::string_view key, bool& value) override { put(key) = value; }
  void field(std::string_view key, std::int64_t& value, const WholeRange&) override { put(key) = value; }
  void field(std::string_view key, double& value, const Range&) override { put(key) = finite(key, value); }
  void field(std::string_view key, std::optional<double>& value) override {
    put(key) = value ? Json(finite(key, *value)) : Json();
  }
  void field(std::string_view key, std::string& value) override { put(key) = utf8(key, value); }
  void field(std::string_view key, std::span<std::int64_t> values) override {
    put(key) = std::vector<std::int64_t>(values.begin(), values.end());
  }
  void field(std::string_view key, std::vector<double>& values) override {
    Json& list = put(key) = Json::array();
    for (const double value : values) list.push_back(finite(key, value));
  }
  void field(std::string_view key, std::vector<std::string>& values) override {
    Json& list = put(key) = Json::array();
    for (const std::string& value : values) list.push_back(utf8(key, value));
  }
  void field(std::string_view key, std::map<std::string, double>& values) override {
    Json& object = put(key) = Json::object();
    for (const auto& [name, value] : values) object[utf8(key, name)] = finite(key, value);
  }
  void field(std::string_view key, std::map<std::int64_t, std::int64_t>& values) override {
    Json& object = put(key) = Json::object();
    for (const auto& [number, value] : values) object[std::to_string(number)] = value;
  }
  void choice(std::string_view key, std::size_t& value, std::span<const std::string_view> names) override {
    put(key) = std::string(names[value]);
  }

 private:
  Json* enter(std::string_view key) override { return &(put(key) = Json::object()); }
  void leave() override {}

  Json& put(std::string_view key) const { return here()[std::string(key)]; }
  double finite(std::string_view key, double value) const {
    check<ConfigError>(std::isfinite(value), path_of(key), " is ", value, ", which JSON cannot hold");
    return value;
  }
  std::string utf8(std::string_view key, const std::string& text) const {
    try {
      static_cast<void>(Json(text).dump());
    } catch (const Json::exception&) {
      throw ConfigError(str(path_of(key), " is text that is not UTF-8"));
    }
    return text;
  }
};

/// Throws ConfigError.
Json parse(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> keys;  // of the objects around
  const auto strict = [&](int depth, Json::parse_event_t event, Json& value) {
    check<ConfigError>(depth <= max_depth, where, ": is nested deeper than ", max_depth, " levels");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      check<ConfigError>(keys.back().insert(key).second, where, ": has ", shown(value), " twice in one object");
    }
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, strict);
  } catch (const Json::parse_error& error) {
    const std::string_view before = text.substr(0, error.byte == 0 ? 0 : error.byte - 1);
    throw ConfigError(str(where, ": line ", std::count(before.begin(), before.end(), '\n') + 1, ", column ",
                          before.size() - (before.rfind('\n') + 1) + 1, ": this is not JSON"));
  } catch (const Json::exception&) {
    throw ConfigError(str(where, ": holds a number that is too large"));
  }
  check<ConfigError>(json.is_object(), where, ": is ", shown(json), ", expected an object");
  return json;
}

void read(Json& json, const std::string& where, const VisitFields& visit) {
  Reader reader(json, where);
  visit(reader);
  reader.finish();
}

Json written(const VisitFields& visit) {
  Json json = Json::object();
  Writer writer(json);
  visit(writer);
  return json;
}

/// __metadata__["g2face"], an object; empty if there is none.
Json facts_of(const Parameters& parameters, const std::string& where) {
  const auto found = parameters.metadata().find(metadata_key);
  if (found == parameters.metadata().end()) return Json::object();
  return parse(found->second, where);
}

}  // namespace

void read_config(std::string_view json, const std::string& where, const VisitFields& visit) {
  Json parsed = parse(json, where);
  read(parsed, where, visit);
}

std::string write_config(const VisitFields& visit) { return written(visit).dump(2); }

bool read_fact(const Parameters& parameters, std::string_view key, const std::string& where, const VisitFields& visit) {
  Json facts = facts_of(parameters, where);
  const auto found = facts.find(key);
  if (found == facts.end()) return false;
  check<ConfigError>(found->is_object(), where, ": ", key, " is ", shown(*found), ", expected an object");
  read(*found, where, visit);
  return true;
}

void write_fact(Parameters& parameters, std::string_view key, const VisitFields& visit) {
  Json facts = facts_of(parameters, str("__metadata__[\"", metadata_key, "\"]"));
  facts[std::string(key)] = written(visit);
  parameters.metadata()[metadata_key] = facts.dump();
}

}  // namespace g2face::io
