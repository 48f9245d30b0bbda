#pragma once
// Trains a model: one step after another, each a pure function of the state before it, the images and the seed.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "g2face/device.hpp"
#include "g2face/models/config.hpp"
#include "g2face/train/recipe.hpp"

namespace g2face {

struct TrainerOptions {
  Device device = Device::best();
  Precision precision = Precision::fast;
  int threads = 0;  // 0 = all that OpenMP offers
  /// Images of an epoch: epochs decide the learning rates.
  std::int64_t epoch_images = 0;
  /// Steps that were already taken: training goes on after them.
  std::int64_t first_step = 0;
  /// Stop with an error that names the first node whose result is not finite. Slower.
  bool check_finite = false;
};

/// A loss was not finite: the parameters are worthless.
struct NotFiniteError : Error {
  using Error::Error;
};

/// What a step reports: numbers by name, in a fixed order. Losses have their weight in them:
/// "anonymize/identity", ..., "anonymize/total", "recover/...", "discriminate/real", ".../fake", ".../r1" (every 16th
/// step), "bits wrong" (of those read in the anonymized pictures, 0..1), "rate".
using StepReport = std::vector<std::pair<std::string, double>>;

/// What a model makes of pictures, with running statistics, in 8 bits as they would be saved.
struct Preview {
  Tensor anonymized, recovered, wrong_key;  // [N,3,R,R]; the last one recovered with somebody else's identity
  /// "bits wrong", "cosine original-anonymized", "... original-recovered", "... original-wrong key" (means over
  /// images), "psnr recovered" (dB, mean over images).
  std::vector<std::pair<std::string, double>> numbers;
  /// Less is better: share of wrong bits + how far the recovered identity is from the original's + how near the
  /// anonymized one is (1 - cosine, and the cosine where it is positive).
  double score() const;
};

/// One thread at a time may use it.
class Trainer {
 public:
  /// `start` holds the parameters of all networks of the step, of the face model if there is one (else geometry counts
  /// nothing), and after a resume what the optimizer keeps ("adam/...") and averages ("ema/..."), which begin as zeros
  /// and as the parameters where they are missing. Throws CheckpointError listing what does not fit, Error for a
  /// recipe that has no meaning, DeviceError when there is not enough memory.
  Trainer(const ModelConfig& model, const TrainingRecipe& recipe, Parameters start, const TrainerOptions& options);
  ~Trainer();
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  /// Networks whose parameters a step needs.
  static std::vector<std::string_view> networks(const TrainingRecipe& recipe);

  /// One step: anonymize, recover, discriminate.   images [batch,3,R,R], -1..1
  /// The result is the same, bit for bit, for the same state, images, recipe and device. Throws NotFiniteError.
  StepReport step(const Tensor& images);
  std::int64_t steps() const;  // that were taken, with those before

  /// What the model makes of images [N,3,R,R] now, with the averaged weights if there are any.
  Preview preview(const Tensor& images);

  /// The networks of the model as others use it, with the averaged weights if there are any.
  Parameters model() const;
  /// All that training goes on from: parameters, running statistics, "adam/...", "ema/...".
  Parameters state() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The seed of what is random about an image that stands at `position` in the whole of training: below 2^53.
std::int64_t sample_seed(std::uint64_t seed, std::int64_t position, std::string_view stage);

}  // namespace g2face
