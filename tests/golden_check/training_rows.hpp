#pragma once
// Tables with a row for each parameter of a network: norms and samples of gradients, samples of what a step made of it.

#include <string>
#include <vector>

#include "g2face/parameters.hpp"
#include "report.hpp"

namespace g2face::golden {

/// Limits of what kinks of activations leave of agreement (README of networks, section 5).
struct TrainingLimits {
  double norm = 1e-3, sample = 1e-2;  // of gradients, relative to the row,
  double recorded = 10;               // or so many times what the row's recorded float run was off
  double step = 0.1;                  // of a parameter, in units of the rate, where the sign of its gradient is sure:
  double sure = 1e-2;                 // the gradient is above this share of the row's largest sample
};

/// What a network's tables are compared with.
struct ParameterTables {
  std::string stage;               // "anon": begins the names of recorded tensors
  std::string network;             // "generator256"
  std::vector<std::string> names;  // rows
  std::vector<bool> degenerate;    // rows whose gradient is zero in exact arithmetic
};

/// Row by row: `gradients` are those of `names` in that order. Rows that are degenerate are left out.
void compare_gradients(const ParameterTables& t, const Parameters& recorded, const std::vector<Tensor>& gradients,
                       const TrainingLimits& limits, std::vector<Finding>& findings);

/// The parameters after a step of the rates (one for each row). `earlier` are the stages before this one whose steps
/// the parameters also took.
void compare_parameters(const ParameterTables& t, const Parameters& recorded, const std::vector<std::string>& earlier,
                        const std::vector<Tensor>& parameters, const std::vector<double>& rates,
                        const TrainingLimits& limits, std::vector<Finding>& findings);

}  // namespace g2face::golden
