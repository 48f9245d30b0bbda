#pragma once
// Adam for the parameters of a model: what it keeps of them, and what they become.

#include <span>
#include <vector>

#include "g2face/nn/scope.hpp"
#include "g2face/ops/adam.hpp"

namespace g2face {

/// Parameters of one learning rate (f32[1]), with their gradients.
struct AdamGroup {
  Value rate;
  std::vector<Value> parameters, gradients;
};

/// The updates that one step of Adam makes, for plan(): of each parameter, and of what Adam keeps of it, buffers of `s`
/// that begin as zeros: "second/NAME" and, unless beta1 is 0, "first/NAME" below the name of the scope, for a parameter
/// NAME. `step` is i64[1] and counts from 1. One node for each group.
///   Scope optimizer(g, "adam");  // keeps "adam/second/generator/convs.3.conv.weight"
/// Throws GraphError for a value that is no parameter, or when a group has not one gradient for each.
std::vector<Update> adam_updates(const Scope& s, Value step, std::span<const AdamGroup> groups,
                                 const AdamAttrs& attrs = {});

}  // namespace g2face
