#pragma once
// Moving averages of weights, which give better pictures than the weights of the last step.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/nn/scope.hpp"
#include "g2face/ops/ema.hpp"

namespace g2face {

struct EmaOptions {
  double decay = 0.999;
  /// Parameters whose names hold this are not averaged, as in the authors' code; empty averages all.
  std::string skip = "norm";
};

/// Whether a parameter of that name is averaged.
bool is_averaged(std::string_view name, const EmaOptions& options = {});

/// The updates that averages make, for plan(). They are buffers of `s`, called "NAME" below the name of the scope for a
/// parameter NAME ("ema/generator/convs.3.conv.weight"). They follow what the parameter becomes by `updates`, or the
/// parameter itself where that has no update. Declared as zeros: begin_averages() gives them their first values.
std::vector<Update> ema_updates(const Scope& s, std::span<const Value> parameters, std::span<const Update> updates,
                                const EmaOptions& options = {});

/// Adds the averages that `parameters` lacks, with the values that the parameters have now.
void begin_averages(Parameters& parameters, std::span<const Declared> averages, std::string_view scope_name);

}  // namespace g2face
