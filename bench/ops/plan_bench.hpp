#pragma once
// Times plans of a few nodes: formulas, gradients, and operands that random numbers do not do for. As step_bench.hpp,
// but a run finds its operands where the one before left them. G2FACE_BENCH_PLAN: prints the plan and its times.

#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "g2face/graph/gradients.hpp"
#include "g2face/plan/executor.hpp"
#include "step_bench.hpp"

namespace g2face::bench {

/// A graph with the numbers of its inputs.
class Trial {
 public:
  Graph graph;

  Value given(const Tensor& values) {
    const Value v = graph.input(values.type(), str("input", feeds_.size()));
    feeds_.emplace_back(v, values);
    return v;
  }
  /// f32, between -1 and 1.
  Value random(const Shape& shape) {
    Tensor t({DType::f32, shape});
    std::memcpy(t.mutable_data(), memory(t.bytes()).data(), t.bytes());
    return given(t);
  }

  /// Seconds of a run; GB/s: of inputs and outputs alone.
  void time(benchmark::State& state, const std::vector<Value>& outputs, const Device& device) const {
    Executor run(plan(graph, outputs, {.device = device, .threads = threads()}));
    double bytes = 0;
    for (const auto& [input, values] : feeds_) {
      run.set(input, values);
      bytes += static_cast<double>(values.bytes());
    }
    run.run();
    for (const Value& v : outputs) bytes += static_cast<double>(run.get(v).bytes());
    if (device.kind == Device::Kind::cuda) {
      for (auto _ : state) state.SetIterationTime(run.time(1)[0]);
    } else {
      for (auto _ : state) run.run();
    }
    set_rate(state, "GB/s", bytes);
    if (std::getenv("G2FACE_BENCH_PLAN") != nullptr) std::puts(run.plan().print(run.profile()).c_str());
  }

 private:
  std::vector<std::pair<Value, Tensor>> feeds_;
};

/// Registers what `build` makes for the CPU and for CUDA. `items`: what a run counts for.
inline void add_plan(const std::string& name, const std::function<std::vector<Value>(Trial&)>& build,
                     std::int64_t items = 1) {
  const auto time = [build, items](benchmark::State& state, const Device& device) {
    if (device.kind == Device::Kind::cuda && Device::cuda_count() == 0) return state.SkipWithError("no CUDA device");
    Trial trial;
    trial.time(state, build(trial), device);
    state.SetItemsProcessed(state.iterations() * items);
  };
  add(name, [time](benchmark::State& state) { time(state, Device::cpu()); });
  add_cuda(name, [time](benchmark::State& state) { time(state, Device::cuda()); });
}

}  // namespace g2face::bench
