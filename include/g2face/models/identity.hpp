#pragma once
// From noise to an identity, from identity and geometry to styles (the paper's DPIM module).

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// A virtual identity: linear, leaky ReLU 0.2, linear, leaky ReLU 0.2, batch norm.
///   z [N,identity_dim], standard normal -> [N,identity_dim], like a vector of arcface()
/// In training mode N must be at least 2. Reference Map2ID.
Value map_2_id(const Scope& s, Value z, const ModelConfig& config = {});

/// The coefficients that describe identity, expression and rotation (radians): 0..143 and 224..226.
///   coefficients [N,257] -> [N,147]
Value select_geometry(Value coefficients);

/// Styles for the generator: the joined input is normalised as a whole (pixel norm over identity and geometry
/// together) and runs through three stacks of linear layers, whose results serve the low, middle and high levels.
///   identity [N,identity_dim], geometry [N,147] (any width) -> [N,style_count,style_dim]
/// Each layer adds its bias twice, as the reference does, and is activated, the last one too. Reference MLP.
Value style_mlp(const Scope& s, Value identity, Value geometry, const ModelConfig& config = {});

}  // namespace g2face
