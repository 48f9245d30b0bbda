#include "g2face/ops/adam.hpp"
#include "g2face/plan/executor.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

/// One step over as many parameters as four wide layers of the generator have, or over hundreds of small tensors; they
/// change where they lie, as in training.
void adam_step(benchmark::State& state, const std::vector<Shape>& shapes, const Device& device) {
  if (device.kind == Device::Kind::cuda && Device::cuda_count() == 0) {
    state.SkipWithError("no CUDA device, or a build without it");
    return;
  }
  Graph g;
  Parameters parameters;
  std::vector<AdamTensors> tensors;
  double elements = 0;
  const auto add_parameter = [&](const Type& type, const std::string& name) {
    parameters.set(name, Tensor::full(type, 0.5));
    return g.parameter(type, name);
  };
  for (const Shape& shape : shapes) {
    const std::string name = str(tensors.size());
    const Type type{DType::f32, shape};
    tensors.push_back(
        {add_parameter(type, "p" + name), add_parameter(type, "g" + name), add_parameter(type, "v" + name)});
    elements += static_cast<double>(shape.numel());
  }
  const Value t = g.constant(Tensor::full({DType::i64, {1}}, 100)),
              rate = g.constant(Tensor::full({DType::f32, {1}}, 1e-3));
  const std::vector<AdamResult> results = adam(t, rate, tensors);
  std::vector<Update> updates;
  for (std::size_t i = 0; i < results.size(); ++i) {
    updates.push_back({str("p", i), results[i].parameter});
    updates.push_back({str("v", i), results[i].second});
  }
  const Plan made = plan(g, {}, updates, {.device = device, .threads = threads(), .fold = false});
  Executor run(made, DeviceParameters(device, parameters));
  constexpr int repeats = 10;
  for (auto _ : state) {
    double seconds = 0;
    for (const double s : run.time(repeats)) seconds += s / repeats;
    state.SetIterationTime(seconds);
  }
  set_rate(state, "GB/s", 20 * elements);
  state.SetLabel(made.kernels().at(0));
}

const bool registered = [] {
  const std::vector<Shape> wide(4, {512, 512, 3, 3}), small(300, {512});
  for (const Device& device : {Device::cpu(), Device::cuda()}) {
    const char* prefix = device.kind == Device::Kind::cuda ? "cuda/" : "";
    for (const auto& [name, shapes] : {std::pair{"wide", wide}, std::pair{"small", small}}) {
      benchmark::RegisterBenchmark(str(prefix, "adam/", name).c_str(),
                                   [all = shapes, device](benchmark::State& s) { adam_step(s, all, device); })
          ->Unit(benchmark::kMillisecond)
          ->Iterations(5)
          ->UseManualTime();
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
