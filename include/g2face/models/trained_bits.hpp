#pragma once
// What a model hid in pictures while it was trained, which says what it can hide in use.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "g2face/parameters.hpp"

namespace g2face {

/// What is hidden in pictures while training.
enum class PayloadBits : std::uint8_t {
  floats,  // the 32 bits of standard normal floats, as the authors do; most exponent bits hardly vary
  uniform  // fair coins, which is what encrypted bits look like
};
/// By value, as files and programs say them.
constexpr std::array<std::string_view, 2> payload_bits_names = {"floats", "uniform"};

/// From and to the field "hidden_bits" of __metadata__["g2face"] of a model file; other fields there stay as they are.
/// Nothing where a file does not say. Throws CheckpointError for what is neither kind.
std::optional<PayloadBits> trained_bits(const Parameters& parameters);
void store_trained_bits(Parameters& parameters, PayloadBits bits);

}  // namespace g2face
