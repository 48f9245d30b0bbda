#pragma once
// Learning rates over the epochs of a training.

namespace g2face {

/// Linear warm-up, then exponential decay, as the authors train. Epochs count from 1:
///   factor(e) = e / warm_up                for e <= warm_up; so before the first epoch, e = 0, it is 0
///             = gamma^(e - warm_up - 1)    beyond: epoch warm_up + 1 still has the full rate
/// The rate of an epoch is its factor times the rate of the group of parameters.
struct Schedule {
  int warm_up = 10;  // epochs; 0 begins with the full rate
  double gamma = 0.95;

  /// Throws Error for an epoch below 0, or below 1 without a warm-up.
  double factor(int epoch) const;
  /// What the authors' program prints for the epoch: once the rate decays it is one decay ahead.
  double printed_factor(int epoch) const;
  bool operator==(const Schedule&) const = default;
};

}  // namespace g2face
