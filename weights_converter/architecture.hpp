#pragma once
// Which architecture has tensors of these names and shapes.

#include "g2face/models/networks.hpp"

namespace g2face::weights {

/// `base`, with every field that names and shapes tell: resolution and channels, sizes of vectors, widths and depths.
/// Fields of networks that are not there stay as they are, and so does what shapes do not tell (encoder_norm,
/// mlp_lr_mul, identity_crop). Of networks that disagree the first counts, in the order of network_names(); what the
/// others have instead is for mismatches_of() to find. The result may be one that validate() refuses.
ModelConfig architecture_of(const NamedTypes& tensors, const ModelConfig& base = {});

/// The configuration's name: of the preset with the same fields, or else "converted".
std::string name_of(const ModelConfig& config);

/// What the networks among the tensors must hold, by name. A generator that has nothing but what StyleGAN2 has
/// (is_prior(), train/stages.hpp) is one without its other parts; "mapping" is StyleGAN2's own (models/prior.hpp).
struct Expected {
  std::map<std::string, Declared, std::less<>> parameters;
  std::vector<std::string> fresh;  // parts of the generator that only training can give
};
Expected expected_of(const NamedTypes& tensors, const ModelConfig& config);

}  // namespace g2face::weights
