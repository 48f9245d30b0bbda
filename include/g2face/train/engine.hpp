#pragma once
// The machinery of a training: jobs, which are graphs that update parameters in place, and the parameters they share.

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "g2face/nn/scope.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/plan/executor.hpp"
#include "g2face/train/loss_scale.hpp"
#include "g2face/train/training.hpp"

namespace g2face {

/// A graph with its inputs, outputs and numbers by name.
struct TrainingJob {
  Graph graph;
  Precision precision = Precision::fast;  // the engine's; a builder that needs a better one sets it before minimize()
  std::map<std::string, Value> inputs, outputs;
  std::vector<std::pair<std::string, Value>> report;  // scalars
  std::vector<Update> updates;
  std::optional<LossScale> loss_scale;  // in f16
  std::unique_ptr<Executor> executor;
  std::vector<double> numbers;  // what was reported in the last run, means over ranks

  /// Declares an input, or finds the one that has the name.
  Value input(const std::string& name, const Type& type);
};

/// A network that is trained, and whether an average of its parameters is kept.
struct TrainedNetwork {
  std::vector<Declared> declared;
  bool averaged = false;
};

struct EngineOptions {
  TrainingOptions run;
  AdamAttrs adam;
  double ema = 0;  // decay of the averages in a step; 0: none are kept
  LossScaleOptions loss_scale = {};
};

/// Names of the inputs that the optimizer takes for a parameter.
struct RateInputs {
  std::string step;  // i64 [1], counts from 1
  std::string rate;  // f32 [1]
  bool operator<(const RateInputs& other) const { return std::tie(step, rate) < std::tie(other.step, other.rate); }
};

///   TrainingEngine engine(std::move(start), trained, options);
///   TrainingJob& job = engine.job("discriminate", [&](TrainingJob& j) {
///     ...                                        // builds a graph from j.input(...), with a loss
///     engine.minimize(j, loss, {&network}, [](std::string_view) { return RateInputs{"step", "rate"}; });
///   });                                          // built and planned when it is asked for the first time
///   engine.run(job, inputs);                     // the parameters have changed
class TrainingEngine {
 public:
  using RatesOf = std::function<RateInputs(std::string_view parameter)>;
  using Scopes = std::initializer_list<const Scope*>;

  /// What the optimizer keeps ("adam/...") begins as zeros and averages ("ema/...") as the parameters where `start`
  /// lacks them. Throws CheckpointError if they have another type than the parameter.
  TrainingEngine(Parameters start, std::span<const TrainedNetwork> trained, EngineOptions options);

  /// Adds a step of Adam for what these scopes train; `adam` is in place of the engine's, of which it has to keep as
  /// much (beta1 is 0 in both or in none). With several ranks, the loss that is minimised is the mean over them of each
  /// one's loss: gradients are summed in buckets while others are still being computed. In f16 the loss is scaled, and
  /// a job has one; where a gradient is not finite all updates of the job are left out.
  void minimize(TrainingJob& job, Value loss, Scopes scopes, const RatesOf& rates,
                const std::optional<AdamAttrs>& adam = {}) const;
  /// Adds a step of the averages, which follow what the parameters become in this job.
  void average(TrainingJob& job, Scopes scopes) const;

  TrainingJob& job(const std::string& name, const std::function<void(TrainingJob&)>& build);
  /// Runs a job on those of `inputs` that it has; returns its outputs, f32. Where gradients may overflow (f16),
  /// check_finite looks at the nodes only if a number of the report is not finite.
  Batch run(TrainingJob& job, const Batch& inputs) const;
  /// The numbers of the last run, as "stage/name". Throws NotFiniteError.
  void add_report(std::string_view stage, const TrainingJob& job, std::int64_t step, StepReport& report) const;

  /// Step `number` of a training that has one job, "train", with inputs "step" and "rate"; the rate is reported last.
  StepReport only_step(const std::function<void(TrainingJob&)>& build, Batch batch, std::int64_t number, double rate);

  const TrainingOptions& options() const { return options_.run; }
  Parameters state() const;
  /// Without what the optimizer keeps; averaged where there are averages.
  Parameters averaged() const;

 private:
  /// Throws Error naming what it is if the text is not the same on all ranks.
  void require_same(std::string_view what, std::string_view text) const;

  EngineOptions options_;
  std::unique_ptr<DeviceParameters> parameters_;
  std::map<std::string, std::unique_ptr<TrainingJob>> jobs_;
};

/// [1]
Tensor whole_number(std::int64_t value);  // i64
Tensor real_number(double value);         // f32

}  // namespace g2face
