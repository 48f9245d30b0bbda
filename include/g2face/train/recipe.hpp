#pragma once
// How a model is trained: everything that a training configuration says beside the architecture.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/models/trained_bits.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/train/augment.hpp"
#include "g2face/train/channel.hpp"
#include "g2face/train/loss_scale.hpp"
#include "g2face/train/schedule.hpp"
#include "g2face/train/stages.hpp"

namespace g2face {

/// What the recovering stage is given to hide.
enum class RecoverBits : std::uint8_t {
  fresh,     // other random bits, as the authors do
  extracted  // those read from the anonymized picture, which is what whoever recovers has
};

/// Whose pictures the discriminator sees as fake.
enum class FakeImages : std::uint8_t {
  alternate,  // recovered ones in even steps of an epoch, anonymized ones in odd steps, as the authors do
  anonymized,
  recovered
};

/// The noise that the generator adds.
enum class TrainingNoise : std::uint8_t {
  fresh,  // drawn for each picture, as the authors do
  fixed   // the same for all, of the recipe's seed, and in use: the model file tells the seed
};

struct TrainingRecipe {
  std::int64_t batch = 8;  // images in a step
  std::uint64_t seed = 0;  // of all that is random
  LossWeights weights;
  PayloadBits bits = PayloadBits::floats;
  RecoverBits recover_bits = RecoverBits::fresh;
  /// Share of recovered pictures that are made with the identity of another photo of the batch and have to show that
  /// person, as a wrong key will; 0..1. What the picture keeps of the original is then worth nothing, the key
  /// everything.
  double identity_swap = 0;
  /// The steps between which the weight of wrong_key grows from nothing to what it is: what a picture shows without its
  /// key is best unlearned once it shows something with it. {0, 0}: it has it from the beginning.
  std::array<std::int64_t, 2> wrong_key_ramp = {0, 0};
  /// Share of anonymized pictures that show the identity of another photo of the batch in place of a virtual one, so
  /// that the generator learns those of real people; 0..1.
  double real_identities = 0;
  FakeImages fake = FakeImages::alternate;
  TrainingNoise noise = TrainingNoise::fresh;
  ChannelOptions channel;
  AdaSettings ada{.target = 0};  // of all that the discriminator sees

  double rate = 1e-3;                // of new parts: encoder, masks, injections, style network, Map2ID, extractor
  double prior_rate = 1e-4;          // of the StyleGAN2 part
  double discriminator_rate = 1e-3;  // follows no schedule
  AdamAttrs adam;
  LossScaleOptions loss_scale;  // with Precision::f16
  Schedule schedule;            // of the first two rates
  int r1_interval = 16;
  double ema = 0;    // decay, in a step, of the moving average of the generating networks; 0: none is kept
  bool flip = true;  // half of the images are mirrored

  /// Throws Error naming the first field that has no meaning.
  void validate() const;

  /// "authors": the published recipe. "g2face": fair bits, read from rounded pictures and used as read; an EMA; a short
  /// warm-up.
  /// Throws Error listing the names for any other.
  static TrainingRecipe preset(std::string_view name);
  static const std::vector<std::string>& preset_names();
  bool operator==(const TrainingRecipe&) const = default;
};

}  // namespace g2face
