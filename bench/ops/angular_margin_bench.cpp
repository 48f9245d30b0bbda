#include "g2face/graph/gradients.hpp"
#include "g2face/ops/angular_margin.hpp"
#include "g2face/ops/l2_normalize.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/softmax_cross_entropy.hpp"
#include "g2face/plan/executor.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

constexpr std::int64_t people = 10'000, dimensions = 512;

/// The head that trains an identity network: loss and gradients for the embeddings and for the weights of all classes.
void head(benchmark::State& state, std::int64_t batch, const Device& device) {
  if (device.kind == Device::Kind::cuda && Device::cuda_count() == 0) {
    state.SkipWithError("no CUDA device, or a build without it");
    return;
  }
  Graph g;
  const Value x = g.input({DType::f32, {batch, dimensions}}, "x"), labels = g.input({DType::i32, {batch}}, "labels");
  const Value w = g.parameter({DType::f32, {people, dimensions}}, "w");
  const Value cosines = matmul(l2_normalize(x), l2_normalize(w), {.transpose_b = true});
  const Value loss = mean(softmax_cross_entropy(angular_margin(cosines, labels), labels));
  const std::vector<Value> slopes = gradients(loss, {x, w});
  const auto random = [](const Type& type) {
    Tensor t(type);
    std::memcpy(t.mutable_data(), memory(t.bytes()).data(), t.bytes());
    return t;
  };
  Parameters parameters;
  parameters.set("w", random(w.type()));
  Executor run(plan(g, {loss, slopes[0], slopes[1]}, {.device = device, .threads = threads(), .fold = false}),
               &parameters);
  run.set(x, random(x.type()));
  Tensor right(labels.type());
  for (std::int32_t i = 0; std::int32_t & label : right.mutable_as<std::int32_t>()) label = 97 * i++ % people;
  run.set(labels, right);
  run.run();
  for (auto _ : state) state.SetIterationTime(run.time(1)[0]);
  const double products = 3 * 2. * static_cast<double>(batch * people * dimensions);
  set_rate(state, "GF/s", products);
}

const bool registered = [] {
  for (const Device& device : {Device::cpu(), Device::cuda()}) {
    const char* prefix = device.kind == Device::Kind::cuda ? "cuda/" : "";
    benchmark::RegisterBenchmark(str(prefix, "angular_margin/head/n64").c_str(),
                                 [device](benchmark::State& s) { head(s, 64, device); })
        ->Unit(benchmark::kMillisecond)
        ->Iterations(10)
        ->UseManualTime();
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
