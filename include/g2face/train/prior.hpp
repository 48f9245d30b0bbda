#pragma once
// Trains StyleGAN2 by itself, for want of somebody else's weights: what G2Face begins with.

#include <memory>
#include <string_view>
#include <vector>

#include "g2face/nn/scope.hpp"
#include "g2face/train/prior_recipe.hpp"
#include "g2face/train/training.hpp"

namespace g2face {

/// How strongly pictures react to their styles (Karras et al. 2020, section 3.2): J = d image / d styles,
///   length[n] = sqrt(mean over layers of the squared norm of J^T y)        y = directions / sqrt(H W)
///   image [N,3,H,W], that depends on styles [N,L,D]; directions as image, standard normal -> [N]
Value path_lengths(Value image, Value styles, Value directions);

/// Parameters and buffers of a training: "generator/...", those of synthesis(); "mapping/..." with w_avg;
/// "discriminator/..."; "path_length/mean", a scalar.
std::vector<Declared> declare_prior(const ModelConfig& model, const PriorRecipe& recipe);

/// Makes parameters to begin with of whatever is given: fresh ones for networks of which nothing is there, and without
/// other networks and other parts of G2Face's generator. Throws CheckpointError listing what does not fit.
Parameters prior_start(const Parameters& given, const ModelConfig& model, const PriorRecipe& recipe);

/// If all that `given` has of the generator is a prior, adds fresh parameters for the other parts: what G2Face is
/// trained from. Otherwise changes nothing.
void extend_prior(Parameters& given, const ModelConfig& model, std::uint64_t seed);

/// A batch is {"image": [batch,3,R,R]}.
class PriorTrainer final : public Training {
 public:
  /// `start` is prior_start(...), and after a resume what state() gave.
  /// Throws CheckpointError listing what does not fit, Error for a recipe that has no meaning, DeviceError when there
  /// is not enough memory.
  PriorTrainer(const ModelConfig& model, const PriorRecipe& recipe, const Parameters& start,
               const TrainingOptions& options);
  ~PriorTrainer() override;

  /// Generate, in some steps even out the lengths of paths; discriminate between photos and the generated pictures as
  /// they were when the generator was judged by them; in some steps R1. Reported are "generate/adversarial",
  /// "path length/penalty" and ".../length" (mean of the batch), "discriminate/real", ".../fake", ".../real logit",
  /// ".../fake logit" (means), "r1/penalty", and of the augmentation "augment/p" and ".../r". Penalties are without
  /// their weights.
  StepReport step(const Batch& batch) override;
  std::int64_t steps() const override;

  /// Pictures of as many z as the batch has photos, the same ones each time, by the averaged weights: "truncation 0.7"
  /// and "truncation 1". Numbers:
  ///   "logit of photos", "logit of samples"   means, of the discriminator as it is, of samples of truncation 1
  ///   "spread of photos", "spread of samples" mean absolute difference of each from the next: samples that are all
  ///                                           the same have none
  /// The score is the gap between the logits. It says how well this discriminator tells both apart now, and next to
  /// nothing about whether samples are better than those of an earlier step: for that look at them.
  Preview preview(const Batch& batch) override;

  /// "generator/...", "mapping/..." and "discriminator/...": a file of them is something to start G2Face from.
  Parameters model() const override;
  Parameters state() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace g2face
