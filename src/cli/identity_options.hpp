#pragma once
// Whose face is drawn: the options of `anonymize` that say it, and the drawing.

#include <memory>
#include <optional>
#include <string>

#include "cli/common.hpp"
#include "g2face/eval/identity_policy.hpp"

namespace g2face::cli {

struct IdentityOptions {
  std::string identity = "per-image";
  std::optional<std::uint64_t> seed;
  std::string project_key, gallery, stop_list;
  double same_person = 0.4;
  std::optional<double> max_similarity;
  int tries = 20;
};
void add_identity_options(CLI::App& command, IdentityOptions& options);

/// Draws identities for a run: with fresh randomness, from a seed, or from a project's key and the people that its
/// gallery knows.
class IdentitySource {
 public:
  /// Checks the options. `key`: the key file that seals, which serves as the project's if no other is named.
  IdentitySource(const IdentityOptions& options, const std::string& key);
  ~IdentitySource();
  IdentitySource(IdentitySource&&) noexcept;

  /// Reads the gallery and the stop-list, which need the model; called once.
  void begin(Anonymizer& anonymizer, const std::string& model_hash);
  /// `input_hash` is the SHA-256 of the input file. The gallery is on the disk before somebody new is given a face.
  UnlikeFace draw(Anonymizer& anonymizer, const Tensor& face, const AnonymizeOptions& options,
                  const std::string& input_hash);

  bool needs_model_hash() const;
  /// The seed that the user gave; fresh ones and those of a project are kept nowhere.
  std::optional<std::uint64_t> given_seed() const;
  /// "worst similarity ...", or nothing if no limit was asked for.
  std::string summary() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace g2face::cli
