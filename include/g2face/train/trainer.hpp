#pragma once
// Trains a model: one step after another, each a pure function of the state before it, the images and the seed.

#include <memory>
#include <string_view>
#include <vector>

#include "g2face/models/config.hpp"
#include "g2face/train/recipe.hpp"
#include "g2face/train/training.hpp"

namespace g2face {

/// The three networks and what they need (train/stages.hpp), by a recipe. A batch is {"image": [batch,3,R,R]}: with
/// several ranks, the share of this one.
class Trainer final : public Training {
 public:
  /// `start` holds the parameters of all networks of the step, of the face model if there is one (else geometry counts
  /// nothing), and after a resume what the optimizer keeps ("adam/..."), averages ("ema/...") and what controls
  /// augmentation ("ada/..."), which begin as zeros, as the parameters and as the recipe says where they are missing.
  /// Throws CheckpointError listing what does not fit, Error for a recipe that has no meaning, DeviceError when there
  /// is not enough memory.
  Trainer(const ModelConfig& model, const TrainingRecipe& recipe, Parameters start, const TrainingOptions& options);
  ~Trainer() override;

  /// Networks whose parameters a step needs.
  static std::vector<std::string_view> networks(const TrainingRecipe& recipe);

  /// One step: anonymize, recover, discriminate. Losses in the report have their weight in them: "anonymize/identity",
  /// ..., "anonymize/total", "recover/...", "discriminate/real", ".../fake", ".../r1" (every 16th step), "bits wrong"
  /// (of those read in the anonymized pictures, 0..1), "augment/p" and ".../r" (with ADA), "rate".
  StepReport step(const Batch& batch) override;
  std::int64_t steps() const override;

  /// With running statistics, in 8 bits as they would be saved: "original", "anonymized", "recovered", "wrong key"
  /// (recovered with somebody else's identity). Numbers are means over images: "bits wrong", "cosine
  /// original-anonymized", "... original-recovered", "... original-wrong key", "psnr recovered" (dB). The score is the
  /// share of wrong bits + how far the recovered identity is from the original's + how near the anonymized one is
  /// (1 - cosine, and the cosine where it is positive).
  Preview preview(const Batch& batch) override;

  Parameters model() const override;
  Parameters state() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace g2face
