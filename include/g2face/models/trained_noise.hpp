#pragma once
// The noise that a model was trained with, where it can count on it.

#include <cstdint>
#include <optional>

#include "g2face/parameters.hpp"

namespace g2face {

/// The seed of the generator's noise, where that was the same for all pictures: whoever uses the model adds the same.
/// Nothing where it was drawn for each picture. From and to the field "noise" of __metadata__["g2face"] of a model
/// file; other fields there stay as they are. Throws CheckpointError for what is no seed.
std::optional<std::uint64_t> trained_noise(const Parameters& parameters);
void store_trained_noise(Parameters& parameters, std::optional<std::uint64_t> seed);

}  // namespace g2face
