#pragma once
// Adaptive augmentation (train/augment.hpp) in a training: one probability for all that a discriminator sees, and draws
// of their own for each place where it looks.

#include <cstdint>
#include <memory>
#include <string>

#include "g2face/distributed/communicator.hpp"
#include "g2face/train/augment.hpp"
#include "g2face/train/engine.hpp"

namespace g2face {

///   AdaptiveAugment ada(recipe.ada, recipe.seed, start);
///   const Value real = ada.augment(job, "real", job.input("image", type));  // building a job: R1 is of `real` too
///   ...
///   ada.draw("real", taken * batch, {batch, 256, 256}, inputs);             // before each run of the job
///   ada.tune(engine.run(job, inputs).at("real logits"));                    // after each step of the discriminator
///   ada.report(report);
/// Where it is off, images stay as they are and nothing is drawn, reported or kept.
class AdaptiveAugment {
 public:
  /// Goes on from what store() left in `start`, if it did. Throws CheckpointError, "'ada/p' is ...", if that makes no
  /// sense.
  /// Ranks draw for the whole batch and take what is theirs, and tune by the logits of all.
  AdaptiveAugment(const AdaSettings& settings, std::uint64_t seed, const Parameters& start,
                  std::shared_ptr<Communicator> ranks = nullptr);

  bool on() const { return state_.settings.on(); }
  double p() const { return state_.p; }

  ///   images [N,3,H,W] -> the same shape, by inputs augment/PLACE/geometry, .../pads and .../colours of the job
  Value augment(TrainingJob& job, const std::string& place, Value images) const;
  /// Adds what these inputs are for images first, first + 1, ... of the whole training, a batch of all ranks: a
  /// function of seed, place, position and p alone.
  void draw(const std::string& place, std::int64_t first, const ImageBatch& images, Batch& inputs) const;

  /// With the logits of real images.
  void tune(const Tensor& real_logits);
  /// Adds "augment/p" and "augment/r", which is the mean sign of D(real) when p was changed last.
  void report(StepReport& report) const;
  /// Adds ada/p, ada/r, ada/signs, ada/images and ada/steps, f64 [1], so that nothing is rounded.
  void store(Parameters& state) const;

 private:
  std::uint64_t seed_;
  AdaptiveProbability state_;
  std::shared_ptr<Communicator> ranks_;
};

}  // namespace g2face
