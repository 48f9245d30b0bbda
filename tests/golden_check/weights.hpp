#pragma once
// Weights of the recorded networks, which are not stored but made by the rules of a manifest.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "g2face/nn/scope.hpp"

namespace g2face::golden {

struct ManifestEntry {
  std::string name;
  Type type;
  std::string fill_name;  // empty: `values`
  double scale = 0, offset = 0;
  std::vector<double> values;
  std::string alias_of;  // another entry that this one shares its tensor with
};

/// Throws FormatError naming file, entry and field.
std::vector<ManifestEntry> load_manifest(const std::filesystem::path& file);

/// The tensors, by "<network>/<entry>".
Parameters make_weights(const std::vector<ManifestEntry>& manifest, const std::string& network);

/// SHA-256 of all tensors in the order of the manifest, and the recorded one: the entry of that network in
/// checksums.json of the folder. Nothing if there is none.
struct Checksums {
  std::string got, want;
};
std::optional<Checksums> checksums(const std::filesystem::path& manifests, const std::string& network,
                                   const std::vector<ManifestEntry>& manifest, const Parameters& weights);

/// One line that lists what a network declares and the manifest lacks, what the manifest has beside that (aliases
/// aside), and what differs in type; empty if all is well.
std::string disagreements(const std::vector<ManifestEntry>& manifest, const std::string& network,
                          std::span<const Declared> declared);

}  // namespace g2face::golden
