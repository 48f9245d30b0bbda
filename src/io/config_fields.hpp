#pragma once
// Structs of options as JSON objects. A struct names its options once, and that serves reading and writing:
//   const auto fields = [&](io::ConfigFields& f) {
//     f.field("rate", options.rate, {.least = 0});
//     f.group("losses", [&] { f.field("lpips", options.lpips); });
//   };
//   io::read_config(text, "train.json", fields);

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "g2face/error.hpp"
#include "g2face/parameters.hpp"

namespace g2face::io {

/// A configuration with a key that is unknown or a value that does not fit. The callers of a model's configuration see
/// it as CheckpointError.
struct ConfigError : Error {
  using Error::Error;
};

/// Which numbers are accepted.
struct Range {
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  bool open = false;  // `least` itself is not
};
/// Which whole numbers are.
struct WholeRange {
  std::int64_t least = 0, most = std::int64_t{1} << 53;
};

/// Those of a type that are not negative.
template <class Whole>
constexpr WholeRange most_of() {
  return {0, sizeof(Whole) < sizeof(std::int64_t) ? static_cast<std::int64_t>(std::numeric_limits<Whole>::max())
                                                  : WholeRange().most};
}

/// Takes the options of a struct one by one: to set them from an object, or to write them into one.
class ConfigFields {
 public:
  virtual ~ConfigFields() = default;
  virtual void field(std::string_view key, bool& value) = 0;
  virtual void field(std::string_view key, std::int64_t& value, const WholeRange& range) = 0;
  virtual void field(std::string_view key, double& value, const Range& range) = 0;
  virtual void field(std::string_view key, std::optional<double>& value) = 0;  // null for none
  virtual void field(std::string_view key, std::string& value) = 0;
  virtual void field(std::string_view key, std::span<std::int64_t> values) = 0;  // so many of them
  virtual void field(std::string_view key, std::vector<double>& values) = 0;
  virtual void field(std::string_view key, std::vector<std::string>& values) = 0;
  virtual void field(std::string_view key, std::map<std::string, double>& values) = 0;
  virtual void field(std::string_view key, std::map<std::int64_t, std::int64_t>& values) = 0;  // {"4": 512}
  /// One of the names, by its number.
  virtual void choice(std::string_view key, std::size_t& value, std::span<const std::string_view> names) = 0;
  /// An object in the object, of the fields that `fields` visits.
  virtual void group(std::string_view key, const std::function<void()>& fields) = 0;

  void field(std::string_view key, std::int64_t& value) { field(key, value, WholeRange()); }
  void field(std::string_view key, double& value) { field(key, value, Range()); }
  /// Other types of whole numbers. The range has to be one of theirs.
  template <class Whole>
  requires(std::is_integral_v<Whole> && !std::is_same_v<Whole, bool> &&
           !std::is_same_v<Whole, std::int64_t>) void field(std::string_view key, Whole& value,
                                                            const WholeRange& range = most_of<Whole>()) {
    auto number = static_cast<std::int64_t>(value);
    field(key, number, range);
    value = static_cast<Whole>(number);
  }
  /// An enumeration whose values are 0, 1 ...
  template <class Enum>
  requires std::is_enum_v<Enum>
  void choice(std::string_view key, Enum& value, std::span<const std::string_view> names) {
    auto number = static_cast<std::size_t>(value);
    choice(key, number, names);
    value = static_cast<Enum>(number);
  }
};

using VisitFields = std::function<void(ConfigFields&)>;

/// Sets the fields for which `json` has a key; the others stay as they are. Throws ConfigError, "WHERE: KEY is VALUE,
/// expected ...", for text that is no JSON object (with line and column) or repeats a key, for a value of another type
/// or out of range, and for keys that no field has: these are listed, each with the most similar one that there is.
void read_config(std::string_view json, const std::string& where, const VisitFields& visit);

/// All fields, as an object of several lines. Throws ConfigError, "KEY is VALUE, ...", for what JSON cannot hold: a
/// number that is not finite, text that is not UTF-8.
std::string write_config(const VisitFields& visit);

/// The same from and to the object `key` in __metadata__["g2face"] of a model file, whose other keys stay as they are.
/// Reading returns false, and sets nothing, if it is not there.
bool read_fact(const Parameters& parameters, std::string_view key, const std::string& where, const VisitFields& visit);
void write_fact(Parameters& parameters, std::string_view key, const VisitFields& visit);

}  // namespace g2face::io
