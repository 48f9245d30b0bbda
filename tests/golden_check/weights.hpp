#pragma once
// Weights of the recorded networks, which are not stored but made by the rules of a manifest.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "g2face/nn/scope.hpp"

namespace g2face::golden {

struct Weights {
  std::string network;
  std::vector<std::string> names;  // in the order of the manifest, without the network
  Parameters tensors;              // by "<network>/<name>"

  /// By the manifest NETWORK.json of the folder. Throws CheckpointError.
  static Weights make(const std::filesystem::path& manifests, const std::string& network);
  /// The same names with the values that a model has below the name `in_model`; 16-bit floats become f32. Throws
  /// CheckpointError too if the model lacks one.
  static Weights of_model(const std::filesystem::path& manifests, const std::string& network, const Parameters& model,
                          std::string_view in_model);
};

/// SHA-256 of all tensors in the order of the manifest, and the one that checksums.json of the folder records. Nothing
/// if it records none.
struct Checksums {
  std::string got, want;
};
std::optional<Checksums> checksums(const std::filesystem::path& manifests, const Weights& weights);

/// One line that lists what a network declares and the manifest lacks, what the manifest has beside that (second names
/// of a tensor aside), and what differs in type; empty if all is well.
std::string disagreements(const Weights& weights, std::span<const Declared> declared);

}  // namespace g2face::golden
