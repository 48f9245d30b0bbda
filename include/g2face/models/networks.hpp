#pragma once
// All networks by name: what parameters they have, whether a model file fits, and how to make a new one.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// "generator", "style_mlp", "map_2_id", "hiding_extractor", "discriminator", "recon", "arcface", "lpips". Parameters
/// of a network have names "<network>/<entry>".
std::span<const std::string_view> network_names();

/// All that anonymizing and recovering need.
std::span<const std::string_view> inference_networks();

/// The parameters and buffers of a network, in the order of their use. The `value` of each is empty.
/// Throws GraphError for an unknown network.
std::vector<Declared> declare(std::string_view network, const ModelConfig& config = {});

/// Makes parameters fit for the wanted networks: gives entries that the reference stores under two names their first
/// one, and turns 16-bit floats into f32. Then throws one CheckpointError that lists everything that is missing, that
/// has another type, or that belongs to one of the networks and is not known. Other networks and other names are left
/// alone.
void adopt_parameters(Parameters& parameters, std::span<const std::string_view> wanted, const ModelConfig& config = {});

using NamedTypes = std::map<std::string, Type, std::less<>>;

/// What adopt_parameters() would throw, without changing or reading anything; empty if nothing is wrong.
std::string mismatch_of(const Parameters& parameters, std::span<const std::string_view> wanted,
                        const ModelConfig& config = {});

/// What keeps parameters from being exactly those: "missing: a, b; of another shape or dtype: c f32[2] instead of
/// f32[3]; not known: d". Empty if nothing does.
std::string differences(const NamedTypes& given, const NamedTypes& expected);
std::string differences(const Parameters& parameters, const NamedTypes& expected);

/// New values. `random`: as the reference begins training (equalised weights standard normal, strengths of noise and
/// of hiding zero, ...; Philox numbers of seed and name). `reference`: the rule of reference_fill.hpp, which ignores
/// the seed.
enum class Fill : std::uint8_t { random, reference };
Parameters new_parameters(std::span<const std::string_view> wanted, const ModelConfig& config = {},
                          Fill fill = Fill::random, std::uint64_t seed = 0);

}  // namespace g2face
