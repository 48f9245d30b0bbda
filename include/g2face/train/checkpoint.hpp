#pragma once
// Checkpoints of a training: complete files, found again whatever ended the program.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "g2face/parameters.hpp"

namespace g2face {

/// What training goes on from, beside tensors.
struct TrainingState {
  std::int64_t step = 0;    // steps that were taken
  std::int64_t images = 0;  // images that were looked at by all ranks: the position in the order of the sampler
  std::int64_t epoch = 0;   // of the schedule of learning rates
  std::uint64_t seed = 0;   // of everything random; below 2^53
  std::optional<double> score = std::nullopt;  // how good the model is; less is better
  std::string dataset = {};                    // Dataset::fingerprint(): what `images` counts in
  std::string configuration = {};              // of the run; a run that goes on must have the same
  bool operator==(const TrainingState&) const = default;
};

struct Checkpoint {
  std::string file;
  Parameters parameters;  // views into the file
  TrainingState state;
};

/// One file: a safetensors file whose __metadata__["g2face"]["training"] is the state, with a CRC-32C of state and
/// tensors. Throws CheckpointError, "FILE: what", for a file that is none, cut off, or damaged.
Checkpoint load_checkpoint(const std::string& file);

/// Throws one CheckpointError that lists all tensors that are missing, of another type or not known where `like` is
/// what the training has: the checkpoint is of another model or another recipe.
void require_same_tensors(const Checkpoint& checkpoint, const Parameters& like);

/// A folder of files step-00001000.safetensors, with two text files that hold the name of one of them: `last`, and
/// `best` if scores are known. Only one process may write there.
/// R1: each file is written beside its name, flushed, and renamed, so a process that is killed, or a full disk, leaves
/// those before it as they were.
/// R2: a file that cannot be loaded is passed over for the one before it.
/// R3: the newest `keep` files stay, and the best one. Files of later steps than the one that is saved, left by a run
/// that went on from an earlier one, are not deleted but renamed to NAME.abandoned.
class CheckpointStore {
 public:
  using Report = std::function<void(const std::string&)>;
  /// Makes the folder when something is saved. Throws Error unless keep > 0.
  explicit CheckpointStore(std::string folder, int keep = 3, Report report = {});

  /// Throws CheckpointError, "FILE: what: what to do", if it cannot be written.
  void save(Parameters parameters, const TrainingState& state);

  /// The one with most steps that can be loaded; nothing if there are no files. Throws CheckpointError if there are
  /// some and none can be loaded.
  std::optional<Checkpoint> newest() const;
  /// The file that `best` names. Throws CheckpointError if it cannot be loaded.
  std::optional<Checkpoint> best() const;
  /// Of the files that there are, rising.
  std::vector<std::int64_t> steps() const;

 private:
  std::string path_of(std::int64_t step) const;
  std::optional<std::int64_t> named_by(const char* pointer) const;
  void write_pointer(const char* pointer, std::int64_t step) const;
  void set_aside_after(std::int64_t step) const;
  bool is_best(const TrainingState& state) const;
  void remove_old() const;
  void say(const std::string& line) const;

  std::string folder_;
  int keep_;
  Report report_;
  bool is_clean_ = false;  // of temporary files that somebody left
};

}  // namespace g2face
