#pragma once
// Runs a plan.

#include <memory>
#include <vector>

#include "g2face/parameters.hpp"
#include "g2face/plan/device_parameters.hpp"
#include "g2face/plan/plan.hpp"

namespace g2face {

struct RunOptions {
  /// Stop with an error that names the first node whose result is not finite.
  bool check_finite = false;
  /// Fill memory that holds nothing, before the run and whenever a value dies, with NaN: for tests of kernels and
  /// plans.
  bool poison = false;
};

/// Owns the memory of a plan: the arena, and parameters folded and packed for it. One thread at a time may use it.
class Executor {
 public:
  /// Reads `parameters` now if the plan folds (and may then release their pages), else at the start of each run.
  /// Throws CheckpointError that lists every parameter that is missing or has another shape, and DeviceError when
  /// there is not enough memory.
  explicit Executor(Plan plan, const Parameters* parameters = nullptr);
  /// Reads and updates parameters where they lie on the device; the plan must not fold. Throws CheckpointError as
  /// above, and PlanError when plan and parameters are for different devices.
  Executor(Plan plan, const DeviceParameters& parameters);
  ~Executor();
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;

  /// Sets a graph input; the tensor is copied (and converted on the reference device). Throws GraphError for a value
  /// that is no input of the plan and ShapeError for another type.
  void set(Value input, const Tensor& tensor);
  /// Throws GraphError if an input was never set.
  void run(const RunOptions& options = {});
  /// A copy of an output of the plan, in row-major order. Reference plans give f64 tensors for floating types.
  Tensor get(Value output) const;

  /// Gives the memory of the arena, and the pages of parameters that are read from a file where they are, back to the
  /// system until the next run, which then pays for getting them again. What get() would have returned is lost.
  void release_memory();

  /// Runs and returns the seconds that each step took.
  std::vector<double> profile();
  /// The seconds that each of `runs` runs took on the device, one queued after the other with what was set last.
  std::vector<double> time(int runs);
  const Plan& plan() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace g2face
