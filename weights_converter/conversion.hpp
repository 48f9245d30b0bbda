#pragma once
// What a conversion will do, decided before anything is written.

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "g2face/models/config.hpp"
#include "weights_converter/mapping.hpp"
#include "weights_converter/weight_file.hpp"

namespace g2face::weights {

struct ConvertOptions {
  std::string map = "auto";  // a mapping's name for every input, or "auto"
  /// f16 or bf16: how floats of networks are stored, in tensors of at least half_from elements. Others stay as they
  /// are: statistics and biases take no room, and suffer most.
  std::optional<DType> half = {};
  std::vector<std::string> only = {};  // networks to take; empty: all
  /// Names of the files' tensors, before they are recognised: those of the first form get the second, which may be
  /// empty to leave them out. Each has at most one '*'.
  std::vector<std::pair<std::string, std::string>> rename = {};

  static constexpr std::int64_t half_from = 4096;
};

/// A file, and what it is known to be.
struct Source {
  std::shared_ptr<const WeightFile> file;
  const Mapping* mapping = nullptr;
  Parameters facts = {};  // the metadata of a model of this project or of a face model; no tensors
  std::shared_future<std::string> sha256 = {};  // of the whole file
  struct Part {
    std::string path, format;
    std::shared_future<std::string> sha256;
  };
  std::vector<Part> parts = {};  // further files that `file` is made of
};

/// A tensor of the model.
struct Taken {
  std::string name;
  Type type;
  std::size_t source = 0;                // in the list of files,
  const StoredTensor* stored = nullptr;  // as it is there; null if it is a constant
  Tensor constant;                       // of the architecture: no file had it
};

/// A tensor of a file that is not taken.
struct Ignored {
  std::size_t source = 0;
  std::string name, reason;
};

struct Conversion {
  ModelConfig config;
  std::vector<Taken> taken;
  std::vector<Ignored> ignored;
  std::vector<std::string> fresh;        // parts of the generator that only training can give
  std::optional<PayloadBits> bits = {};  // what it was trained to hide, if that is known
};

/// The mapping of a file: options.map, or the one whose marks it has. Throws WeightFileError if there is none.
const Mapping& mapping_for(const WeightFile& file, const ConvertOptions& options);

/// Throws CheckpointError if two tensors would have one name, and one that lists every difference from the architecture
/// that the shapes suggest; WeightFileError if nothing is left to convert.
Conversion prepare(const std::vector<Source>& sources, const ConvertOptions& options);

/// The values of a tensor as the model stores them. `buffer` is where they are put unless they can be shown in place.
/// Throws CheckpointError for a value that is too large for the type it is to have.
std::span<const std::byte> contents_of(const Taken& taken, const std::vector<Source>& sources,
                                       std::vector<std::byte>& buffer);

}  // namespace g2face::weights
