#pragma once
// A plan turns a graph into a fixed list of kernel calls with a place in memory for every value.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "g2face/device.hpp"
#include "g2face/graph/graph.hpp"

namespace g2face {

class Tuning;

struct PlanOptions {
  Device device = Device::cpu();
  Precision precision = Precision::fast;
  Determinism determinism = Determinism::run_to_run;
  int threads = 0;  // 0 = all that OpenMP offers
  /// Parameters never change: everything that depends on them alone is computed and packed when they are loaded.
  /// Off for training, where parameters are read anew in each run.
  bool fold = true;
  /// Join chains of elementwise ops into one pass over memory.
  bool fuse = true;
  /// CUDA: where several kernels can do a step, take the one that this remembers, or else time them all now, and
  /// remember. It has to be for this device. Without one, rules choose, and a plan is the same every time.
  std::shared_ptr<Tuning> tuning = nullptr;
};

struct PlanData;

/// Immutable; cheap to copy.
class Plan {
 public:
  explicit Plan(std::shared_ptr<const PlanData> data) : data_(std::move(data)) {}
  const PlanData& data() const { return *data_; }

  /// A table: step, op, kernel, layouts, bytes of the output, workspace, node name. `seconds` adds the time of each
  /// step (see Executor::profile).
  std::string print(std::span<const double> seconds = {}) const;
  std::size_t arena_bytes() const;
  /// The most bytes of values and workspaces that are alive at once in the order of the steps: no arena for this order
  /// can be smaller.
  std::size_t live_bytes() const;
  /// Names of the kernels in order of execution ("conv2d winograd:f4x4").
  std::vector<std::string> kernels() const;

 private:
  std::shared_ptr<const PlanData> data_;
};

/// Plans the computation of `outputs`. Throws PlanError, naming op and node, if something has no kernel on the device.
Plan plan(const Graph& graph, std::span<const Value> outputs, const PlanOptions& options = {});
inline Plan plan(const Graph& graph, std::initializer_list<Value> outputs, const PlanOptions& options = {}) {
  return plan(graph, std::span(outputs.begin(), outputs.size()), options);
}

/// The same, and after each run parameters take the values that `updates` give them: in the memory of the parameter
/// itself where the kernel can and nobody reads the old value later, else by a copy at the end. An output that is such
/// a parameter shows the new value. The plan must not fold. Throws PlanError for a parameter that the graph does not
/// have, or that has another type or two updates.
Plan plan(const Graph& graph, std::span<const Value> asked, std::span<const Update> updates,
          const PlanOptions& options);

}  // namespace g2face
