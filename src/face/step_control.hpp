#pragma once
// When a damped Gauss-Newton iteration takes a step, how far it goes, and when it ends.

#include <algorithm>
#include <cmath>
#include <optional>

#include "g2face/face/fit.hpp"

namespace g2face {

/// Of one face. After each evaluation at a trial place: accept() or refuse(); the next trial is the best place plus
/// `share` of the step found there, or the best place itself where there is none yet.
struct StepControl {
  double tolerance = 0, damping = 0;
  int max_iterations = 0;

  double cost = 0;   // of the best place
  double share = 1;  // of the step from there
  int iterations = 0;
  bool first = true;

  bool accepts(double trial_cost) const { return first || trial_cost <= cost; }

  /// The trial place becomes the best one. `promise` is by how much the step from there would lower a quadratic cost;
  /// where the equations could not be `solved`, they are set up there once more, more damped. Returns how it ended, if
  /// it did.
  std::optional<FitStatus> accept(double trial_cost, bool solved, double promise) {
    constexpr double most_damping = 1e4;
    if (first && !std::isfinite(trial_cost)) return end(FitStatus::not_finite);
    const double least = slack();
    first = false;
    cost = trial_cost;
    if (!solved) {
      damping = std::max(10 * damping, 1e-3);
      return damping > most_damping ? end(FitStatus::stuck) : count();
    }
    share = 1;
    damping /= 10;
    return promise <= least ? end(FitStatus::converged) : count();
  }

  /// A shorter step from the best place, and a more damped one after that.
  std::optional<FitStatus> refuse(double trial_cost) {
    constexpr double shrink = 0.25, least_share = 1e-4;
    if (trial_cost <= cost + slack()) return end(FitStatus::converged);  // rounding, no more
    share *= shrink;
    damping = std::max(100 * damping, 1e-3);
    return share < least_share ? end(FitStatus::stuck) : count();
  }

 private:
  double slack() const { return tolerance * (1 + cost); }
  std::optional<FitStatus> end(FitStatus status) {
    ++iterations;
    return status;
  }
  std::optional<FitStatus> count() {
    return ++iterations < max_iterations ? std::nullopt : std::optional(FitStatus::iteration_limit);
  }
};

}  // namespace g2face
