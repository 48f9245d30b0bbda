#pragma once
// JSON objects as text, for results on standard output and for reports.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace g2face::io {

/// An object whose fields keep the order in which they were set. Numbers that are not finite become null.
class JsonObject {
 public:
  JsonObject();
  ~JsonObject();
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;

  JsonObject& set(std::string_view key, std::string_view value);
  JsonObject& set(std::string_view key, const char* value) { return set(key, std::string_view(value)); }
  JsonObject& set(std::string_view key, double value);
  JsonObject& set(std::string_view key, std::int64_t value);
  JsonObject& set(std::string_view key, bool value);
  JsonObject& set(std::string_view key, const JsonObject& value);
  JsonObject& set(std::string_view key, const std::vector<std::string>& values);
  using Scalar = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;
  JsonObject& set(std::string_view key, const std::vector<Scalar>& values);
  /// A list that is empty at first; add puts another object at its end.
  JsonObject& set_list(std::string_view key);
  JsonObject& add(std::string_view key, JsonObject object);

  /// On one line. Text that is not UTF-8 (a file name, say) has its bad bytes replaced.
  std::string str() const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

/// The texts in the object that `field` of the JSON object `text` holds; its other fields do not matter. Throws Error,
/// saying what is wrong, if that is not what it is.
std::map<std::string, std::string> string_map(std::string_view text, const std::string& field);

}  // namespace g2face::io
