#pragma once
// Is a model file complete, finite and plausible?

#include <string>
#include <vector>

#include "g2face/models/config.hpp"

namespace g2face {

struct ModelCheck {
  std::vector<std::string> networks;  // that the model has
  std::vector<std::string> absent;    // that anonymizing needs besides
  /// One line each: networks that do not have exactly the parameters that `config` declares (16-bit floats stand for
  /// f32); values that are not finite, or that no training gives; a face model whose tables do not fit together.
  std::vector<std::string> problems;
};

/// Reads all values, one tensor after the other, and lets their pages go if they come from a file. The networks in
/// `partial` may have any parameters: only their values are checked.
ModelCheck check_model(const Parameters& parameters, const ModelConfig& config,
                       const std::vector<std::string>& partial = {});

}  // namespace g2face
