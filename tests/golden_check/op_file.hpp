#pragma once
// Files of operator cases: tensors under `<case>/<kind>.<name>`, attributes as JSON in the metadata.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/parameters.hpp"

namespace g2face::golden {

/// A golden file that does not have the documented format.
struct FormatError : Error {
  using Error::Error;
};

class OpFile;

/// One case. Tensors are stored in the file or, failing that, made by the fill rule.
class OpCase {
 public:
  /// Throws FormatError if the attributes are missing or malformed.
  OpCase(const OpFile& file, std::string name);

  const std::string& name() const { return name_; }
  const std::string& op() const { return op_; }
  const nlohmann::json& attr() const { return attr_; }
  const OpFile& file() const { return *file_; }

  /// What follows `<kind>.` in the names of the tensors of that kind, in alphabetical order.
  std::vector<std::string> names(std::string_view kind) const;
  /// Whether there is a tensor of that name ("input.x").
  bool has(const std::string& tensor) const;
  /// Throws FormatError if there is none, or its fill entry is malformed or disagrees with stored data.
  Tensor get(const std::string& tensor) const;
  Shape shape(const std::string& tensor) const;
  /// What the fill rule gives for a tensor that is also stored; nothing if it is not both.
  std::optional<Tensor> made(const std::string& tensor) const;
  /// The parameter that another case of the file lends to this one; an empty tensor if there is none. A case that an
  /// attribute mentions by name comes first, then cases of the same op.
  Tensor borrowed(const std::string& tensor) const;
  /// The strings of a list attribute; empty if there is no such attribute.
  std::vector<std::string> list(const std::string& key) const;

 private:
  const nlohmann::json* fill_entry(const std::string& tensor) const;
  Shape fill_shape(const std::string& tensor, const nlohmann::json& entry) const;
  Tensor make(const std::string& tensor, const nlohmann::json& entry) const;

  const OpFile* file_;
  std::string name_, op_;
  nlohmann::json attr_;
};

class OpFile {
 public:
  /// Throws FormatError or CheckpointError.
  explicit OpFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// "c_modulated_conv"
  const std::string& family() const { return family_; }
  const std::vector<std::string>& cases() const { return cases_; }
  const Parameters& tensors() const { return tensors_; }
  /// Tensors that belong to no case of the list.
  std::vector<std::string> orphans() const;

 private:
  std::filesystem::path path_;
  Parameters tensors_;
  std::string family_;
  std::vector<std::string> cases_;
};

/// Whether the metadata look like those of a file of operator cases.
bool is_op_file(const Parameters& tensors);

}  // namespace g2face::golden
