#pragma once
// How StyleGAN2 is trained by itself, and the file that says so.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/models/config.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/train/augment.hpp"
#include "g2face/train/config.hpp"

namespace g2face {

/// Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN".
struct PriorRecipe {
  std::int64_t batch = 16;  // images in a step
  std::uint64_t seed = 0;   // of all that is random
  int mapping_depth = 8;    // layers from noise to styles; their rate is ModelConfig::mlp_lr_mul times the others'
  double rate = 2.5e-3;     // of Adam, for both networks
  AdamAttrs adam = {.beta1 = 0, .beta2 = 0.99};

  // Penalties have steps of their own, in every k-th step of the training, with k times their weight. Rate and betas of
  // a network that has one are those above to the k / (k + 1): c rate, beta1^c and beta2^c.
  double r1 = 1;  // gamma: half of it weighs the squared slope of D at photos; 0: none
  int r1_interval = 16;
  double path_length = 2;  // weighs how far the length of paths is from its mean; 0: none
  int path_length_interval = 4;
  double path_length_decay = 0.01;  // how fast that mean moves
  int path_length_shrink = 2;       // its steps are of batch / this many pictures

  AdaSettings ada;             // of all that the discriminator sees
  double mixing = 0.9;         // how often the later layers of a picture have the styles of another
  double w_decay = 0.995;      // in a step, of the mean style
  double ema_images = 10'000;  // after so many the averages have forgotten half; 0: none are kept
  bool flip = true;            // half of the images are mirrored

  /// Throws Error naming the first field that has no meaning.
  void validate() const;
  /// Decay of the averages in a step.
  double ema() const;

  /// "prior-64", "prior-128", "prior-256": R1 and averages as Karras et al. 2020 ("Training generative adversarial
  /// networks with limited data") choose them by size R, for a batch of 16: gamma = 0.0002 R^2 / 16, ema_images = 312.5
  /// * 16. Throws Error listing the names for any other.
  static PriorRecipe preset(std::string_view name);
  static const std::vector<std::string>& preset_names();
  bool operator==(const PriorRecipe&) const = default;
};

/// One JSON object. Fields that are missing keep the values of `preset` (PriorRecipe) and `model` (ModelConfig), which
/// is the smallest of G2Face's of that size:
///   {"preset": "prior-64", "batch": 32, "path_length": 0, "steps": 20000}
/// docs/pretraining_prior.md lists them all.
struct PriorConfig {
  std::string preset = "prior-256";
  std::string base;   // in the file "model": the preset that the architecture begins with
  ModelConfig model;  // in the file "architecture"
  PriorRecipe recipe;
  RunSettings run;

  /// Throws as TrainingConfig::from_json.
  static PriorConfig from_json(std::string_view text, const std::string& where);
  /// All fields.
  std::string to_json() const;
  /// Those that decide the numbers: a run that goes on must have the same.
  std::string identity() const;
};

}  // namespace g2face
