#pragma once
// The pair of files of a network: NAME.safetensors with results, NAME.json with inputs and stages.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "g2face/parameters.hpp"

namespace g2face::golden {

struct Stage {
  std::string name;
  Shape shape;
};

struct NetworkFile {
  std::string network;  // "generator256"
  std::vector<std::string> cases;
  Parameters tensors;
  nlohmann::json description;  // "cases" by name

  /// Throws FormatError or CheckpointError.
  static NetworkFile load(const std::filesystem::path& path);

  /// Throws FormatError if the case lists none or malformed ones.
  std::vector<Stage> stages(const std::string& name) const;

  /// The expression for an input of a case, taken from another case where the file says `"as": CASE` (all other
  /// inputs) or `"NAMES": "as CASE"`. Keys may name several inputs, separated by commas.
  /// Throws FormatError if there is none or cases refer to each other in a circle.
  std::string expression(const std::string& name, const std::string& input) const;
};

/// The JSON beside a tensor file, or failing that the metadata of the tensor file with every value parsed.
nlohmann::json description_of(const std::filesystem::path& path, const Parameters& tensors);

/// A shape as a list of integers. Throws FormatError.
Shape shape_from(const nlohmann::json& j, const std::string& where);

}  // namespace g2face::golden
