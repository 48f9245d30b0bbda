#pragma once
// Trains the regressor of face coefficients on faces that it is shown with the answer, and if there are photos, by how
// well what it says of them looks like them.

#include <memory>
#include <string>
#include <string_view>

#include "g2face/models/config.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/train/config.hpp"
#include "g2face/train/rendered_faces.hpp"
#include "g2face/train/schedule.hpp"
#include "g2face/train/training.hpp"

namespace g2face {

struct ReconRecipe {
  std::int64_t batch = 32;  // faces in a step, two at least: batch norm needs them
  std::uint64_t seed = 0;
  std::int64_t epoch = 10'000;  // faces
  /// What the terms of the loss count; one that counts 0 is not computed. The first six are squared errors of a group
  /// of coefficients over its variance: 1 says no more than the mean does. Within a group a coefficient counts by what
  /// it does: modes by the mean square of their basis, light by that of its harmonic, x and y 100 times z.
  struct Weights {
    double identity = 1, expression = 1, texture = 1, angles = 1, light = 1, translation = 1;
    double landmarks = 0.01;    // mean squared pixels of a 224 image
    double photo = 0;           // mean absolute difference of colours 0..1, where the face's skin is drawn
    double photo_prior = 1e-3;  // mean squared coefficients of identity, expression and texture said of photos
    bool operator==(const Weights&) const = default;
  } weights;
  double rate = 1e-3;
  AdamAttrs adam = {.beta1 = 0.9};
  Schedule schedule = {.warm_up = 1};
  double ema = 0;    // decay, in a step, of the moving average of the network; 0: none is kept
  bool flip = true;  // mirror half of the photos and backgrounds

  /// Throws Error naming the first field that has no meaning.
  void validate() const;
  bool operator==(const ReconRecipe&) const = default;
};

/// Such a training as a file describes it: TrainingConfig says how that works, docs/pretraining.md lists the fields.
struct ReconConfig {
  std::string base = "g2face-slim-64";  // in the file "model"
  ModelConfig model = ModelConfig::preset("g2face-slim-64");
  ReconRecipe recipe;
  RunSettings run;

  static ReconConfig from_json(std::string_view text, const std::string& where);
  std::string to_json() const;
  std::string identity() const;
};

/// New parameters "recon/..." that say the mean of `statistics` of every picture.
Parameters new_recon(const ModelConfig& model, const RenderedFaces::Statistics& statistics, std::uint64_t seed);

/// Trains "recon/..." by batches of RenderedFaces, which are drawn in the step's graph with the face model in `start`
/// ("face_model/...", which comes out as it went in).
class ReconTrainer final : public Training {
 public:
  /// Throws CheckpointError for what does not fit, Error for a recipe that has no meaning.
  ReconTrainer(const ModelConfig& model, const ReconRecipe& recipe, const RenderedFaces::Statistics& statistics,
               Parameters start, const TrainingOptions& options);
  ~ReconTrainer() override;

  /// "train/identity", ... with their weights in them, "train/total"; "rate".
  StepReport step(const Batch& batch) override;
  std::int64_t steps() const override;

  /// "picture", and what is drawn of the true coefficients ("truth") and of those that were said ("said"), on grey.
  /// Numbers are means: "landmarks" (distance, pixels of a 224 image), "pose" (angle between the rotations, degrees),
  /// and beside them what saying the mean of all faces would give, "... of the mean". The score is landmarks + pose.
  Preview preview(const Batch& batch) override;

  /// The network and the face model, as `g2face train --start` takes them.
  Parameters model() const override;
  Parameters state() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace g2face
