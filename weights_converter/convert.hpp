#pragma once
// Weights of others into one model file of this project.

#include <string>
#include <vector>

#include "weights_converter/conversion.hpp"

namespace g2face::weights {

/// What was done.
struct ConvertReport {
  struct Input {
    std::string file, format, mapping, what, licence, sha256;
    std::size_t taken = 0, ignored = 0;  // tensors
    std::string part_of = {};            // the input that has what was made of this one
  };
  struct Name {
    std::string from, to, file;  // `to` is the reason if the tensor was ignored
  };
  std::string output;
  ModelConfig config;
  std::vector<Input> inputs;
  std::vector<Name> used, ignored;
  std::vector<std::string> constants;  // in no file: what the architecture gives them
  std::vector<std::string> fresh;      // parts of the generator that only training can give
  std::optional<PayloadBits> bits;     // what it was trained to hide, if that is known
  std::vector<std::string> networks;   // that the model has
  std::vector<std::string> absent;     // that anonymizing needs besides
  std::vector<std::string> problems;   // what check_model() found in the values

  /// For people: what counts, and ignored tensors in groups.
  std::string text() const;
  /// One JSON object, with every name.
  std::string json() const;
};

/// Opens files, recognises them, and begins to hash them. The parts of a Basel Face Model become one source, under the
/// name of the first of them. Throws WeightFileError; CheckpointError for a face model.
std::vector<Source> open_sources(const std::vector<std::string>& paths, const ConvertOptions& options);

/// Writes the model and reads it again to check it. The file appears complete or not at all; values are read and
/// written one tensor after the other. Its metadata says which files it comes from, by their hashes. Throws
/// WeightFileError for inputs and CheckpointError for a model that cannot be made of them or written.
ConvertReport convert(std::vector<Source> sources, const std::string& output, const ConvertOptions& options);
ConvertReport convert(const std::vector<std::string>& inputs, const std::string& output, const ConvertOptions& options);

}  // namespace g2face::weights
