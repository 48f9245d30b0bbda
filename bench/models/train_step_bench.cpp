// Steps of training: the full model at N = 2, and the small one of configs/slim64.json at N = 16 with the identity
// network of slim-64, in the precisions of each device. Without R1. Random parameters: the time does not depend on
// them. Peak memory is the process's, on the host.
//   G2FACE_BENCH_THREADS=2 g2face_bench --benchmark_filter=train_step/full
//   g2face_bench --benchmark_filter=train_step_cuda

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "bench/ops/step_bench.hpp"
#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/train/trainer.hpp"

namespace g2face::bench {
namespace {

ModelConfig small_model() {
  ModelConfig c = ModelConfig::preset("g2face-slim-64");
  c.channels = {{4, 128}, {8, 128}, {16, 128}, {32, 64}, {64, 32}};
  c.style_dim = 128;
  return c;
}

void train_step(benchmark::State& state, const ModelConfig& model, std::int64_t batch, bool lpips,
                Precision precision = Precision::fast, const Device& device = Device::cpu()) {
  if (device.kind == Device::Kind::cuda && Device::cuda_count() == 0)
    return state.SkipWithError("there is no CUDA device");
  TrainingRecipe recipe = TrainingRecipe::preset("g2face");
  recipe.batch = batch;
  recipe.r1_interval = 1'000'000;
  if (!lpips) recipe.weights.lpips = 0;
  Trainer trainer(model, recipe, new_parameters(Trainer::networks(recipe), model),
                  {.device = device, .precision = precision, .threads = threads(), .epoch_images = 100'000});
  const Tensor images = fill("bench/faces", {batch, 3, model.resolution, model.resolution}, 0.9);
  trainer.step({{"image", images}});  // makes the plans
  for (auto _ : state) trainer.step({{"image", images}});
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(batch * state.iterations()), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(train_step, slim64, small_model(), 16, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train_step, slim64_bf16, small_model(), 16, false, Precision::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(train_step, full, ModelConfig(), 2, true)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(2);

void train_step_cuda(benchmark::State& state, Precision precision) {
  train_step(state, ModelConfig(), 8, true, precision, Device::cuda());
}
BENCHMARK_CAPTURE(train_step_cuda, f32, Precision::fast)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train_step_cuda, tf32, Precision::tf32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train_step_cuda, bf16, Precision::bf16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train_step_cuda, f16, Precision::f16)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace g2face::bench
