#pragma once
// Trains the network that says who somebody is: by labels (ArcFace, Deng et al. 2019), by a teacher, or by both.

#include <memory>
#include <string>
#include <string_view>

#include "g2face/models/config.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/ops/angular_margin.hpp"
#include "g2face/train/config.hpp"
#include "g2face/train/people.hpp"
#include "g2face/train/schedule.hpp"
#include "g2face/train/training.hpp"

namespace g2face {

struct IdentityRecipe {
  std::int64_t batch = 64;  // images in a step, two at least: batch norm needs them
  std::uint64_t seed = 0;   // of order, mirroring and first values
  /// What the terms of the loss count; one that counts 0 is not computed.
  struct Weights {
    double classes = 1;  // cross entropy of angular-margin logits: labels are needed
    double teacher = 0;  // 1 - cosine to the teacher's vector: a teacher is needed
    bool operator==(const Weights&) const = default;
  } weights;
  AngularMarginAttrs margin;
  double rate = 1e-3;
  double decay = 5e-4;  // half of it times the squares of all weights (not biases, not norms) is added to the loss
  AdamAttrs adam = {.beta1 = 0.9};
  Schedule schedule = {.warm_up = 1};
  double ema = 0;  // decay, in a step, of the moving average of the network; 0: none is kept
  bool flip = true;
  HeldOut held_out;

  /// Throws Error naming the first field that has no meaning.
  void validate() const;
  bool operator==(const IdentityRecipe&) const = default;
};

/// Such a training as a file describes it: TrainingConfig says how that works, docs/pretraining.md lists the fields.
struct IdentityConfig {
  std::string base = "g2face-slim-64-mobile";  // in the file "model"
  ModelConfig model = ModelConfig::preset("g2face-slim-64-mobile");
  IdentityRecipe recipe;
  RunSettings run;

  static IdentityConfig from_json(std::string_view text, const std::string& where);
  std::string to_json() const;
  std::string identity() const;
};

/// The teacher of a training is another model's identity network, and is kept beside it as "teacher/...", with its
/// architecture in the metadata. This puts it there. Throws CheckpointError if `teacher` holds none that fits the
/// architecture which it names.
void set_teacher(Parameters& parameters, const Parameters& teacher);

/// Trains "arcface/..." by images [batch,3,R,R] as {"image"}, and {"label"} i32 [batch], 0 .. people - 1, where the
/// loss has classes. R is the model's resolution, so the network sees what it sees in use.
///   loss = classes * mean cross entropy of angular_margin(cos(f(x), w_c))
///        + teacher * mean (1 - cos(P f(x), t(x))) + decay/2 * sum of squared weights
/// w is a row for each person ("classes/weight"), all of which are compared. P is the identity where the teacher's
/// vectors are as long as ours, else a matrix that is learned ("projection/weight"). Batch norm is in training mode;
/// the networks have no dropout. Optimizer: Adam.
class IdentityTrainer final : public Training {
 public:
  /// `start` holds the network, the teacher if the loss has it, and after a resume the rest. Throws CheckpointError
  /// for what does not fit, Error for a recipe that has no meaning.
  IdentityTrainer(const ModelConfig& model, const IdentityRecipe& recipe, std::int64_t people, Gallery held_out,
                  Parameters start, const TrainingOptions& options);
  ~IdentityTrainer() override;

  /// "train/classes", "train/teacher", "train/decay" with their weights in them, "train/total"; "train/cosine to own
  /// class" (mean, without the margin); "rate".
  StepReport step(const Batch& batch) override;
  std::int64_t steps() const override;

  /// Numbers of the images that are held out, whatever the batch is: mean cosine of pairs of pictures that show "the
  /// same person" and "other people", and how many pairs are told apart at the best threshold, "verified", the mean of
  /// both kinds' shares (0.5: by chance); with a teacher "cosine to teacher" (P included). No pictures. The score is 1
  /// - verified, or without labels 1 - cosine to teacher.
  Preview preview(const Batch& batch) override;

  /// The network alone, as `g2face train --start` takes it.
  Parameters model() const override;
  Parameters state() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// How well a number tells pairs of two kinds apart.
struct Verification {
  double same = 0, other = 0;  // means
  double verified = 0;         // at the best threshold, the mean of the shares of both kinds that are told right
  bool operator==(const Verification&) const = default;
};
/// Throws Error unless there are pairs of both kinds.
Verification verify_pairs(std::vector<double> same, std::vector<double> other);

}  // namespace g2face
