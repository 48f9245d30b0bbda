// Steps of training: the full model at N = 2, and a small one of 64 pixels at N = 16 with the identity
// network of slim-64, in the precisions of each device; R1 in no step or, "_r1", in each. Random parameters: the time
// does not depend on them. Peak memory is the process's. The counters named like losses are those of the first step,
// for bench/peer_torch_train.py. "alive MB" is what the plan of the anonymizing stage, which is the largest, keeps
// alive at its peak, "arena MB" the memory that it lies in.
//   G2FACE_BENCH_THREADS=2 g2face_bench --benchmark_filter=train_step/full
//   g2face_bench --benchmark_filter=train_step_cuda

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "bench/ops/step_bench.hpp"
#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/plan.hpp"
#include "g2face/train/channel.hpp"
#include "g2face/train/stages.hpp"
#include "g2face/train/trainer.hpp"

namespace g2face::bench {
namespace {

ModelConfig small_model() {
  ModelConfig c = ModelConfig::preset("g2face-slim-64");
  c.channels = {{4, 128}, {8, 128}, {16, 128}, {32, 64}, {64, 32}};
  c.style_dim = 128;
  return c;
}

/// As Trainer plans it.
Plan anonymize_plan(const ModelConfig& model, const TrainingRecipe& recipe) {
  Graph g;
  const TrainingNetworks n(g, model);
  const Value seed = g.input({DType::i64, {recipe.batch}}, "seeds");
  const Value z = random_normal(seed, {{recipe.batch, model.identity_dim}, 1});
  const Value bits = random_normal(seed, {{recipe.batch, model.bit_rows(), 32}, 2});
  const Value image = g.input({DType::f32, {recipe.batch, 3, model.resolution, model.resolution}}, "image");
  const AnonymizeStage stage = anonymize_stage(n,
                                               {.image = image,
                                                .z = z,
                                                .bits = greater(bits, g.constant(Tensor::scalar(0))),
                                                .noise = {.seed = seed},
                                                .channel = [&](Value x) { return channel(x, seed, recipe.channel); }},
                                               recipe.weights);
  AdamGroup group{g.input({DType::f32, {1}}, "rate"), {}, {}};
  for (const Scope* s : {&n.generator, &n.style_mlp, &n.map_2_id, &n.hiding_extractor}) {
    for (const Value& v : s->trainable()) group.parameters.push_back(v);
  }
  group.gradients = gradients(stage.generated.loss, group.parameters);
  const Scope optimizer(g, "adam");
  std::vector<Update> updates = adam_updates(optimizer, g.input({DType::i64, {1}}, "step"), {{group}}, recipe.adam);
  for (const Update& u : n.updates()) updates.push_back(u);
  return plan(g, std::vector{stage.generated.loss, stage.generated.image, stage.identity}, updates,
              {.device = Device::cpu(), .threads = threads(), .fold = false});
}

void train_step(benchmark::State& state, const ModelConfig& model, std::int64_t batch, bool lpips, bool r1,
                Precision precision = Precision::fast, const Device& device = Device::cpu()) {
  if (device.kind == Device::Kind::cuda && Device::cuda_count() == 0)
    return state.SkipWithError("there is no CUDA device");
  TrainingRecipe recipe = TrainingRecipe::preset("g2face");
  recipe.batch = batch;
  recipe.r1_interval = r1 ? 1 : 1'000'000;
  if (!lpips) recipe.weights.lpips = 0;
  Trainer trainer(model, recipe, new_parameters(Trainer::networks(recipe), model),
                  {.device = device, .precision = precision, .threads = threads(), .epoch_images = 100'000});
  const Tensor images = fill("bench/faces", {batch, 3, model.resolution, model.resolution}, 0.9);
  for (const auto& [name, value] : trainer.step({{"image", images}}))  // makes the plans
    if (name.ends_with("/total") || name.starts_with("discriminate/")) state.counters[name] = value;
  for (auto _ : state) trainer.step({{"image", images}});
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
  const Plan largest = anonymize_plan(model, recipe);
  state.counters["arena MB"] = static_cast<double>(largest.arena_bytes()) / (1 << 20);
  state.counters["alive MB"] = static_cast<double>(largest.live_bytes()) / (1 << 20);
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(batch * state.iterations()), benchmark::Counter::kIsRate);
}

void twice(benchmark::internal::Benchmark* b) { b->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(2); }

BENCHMARK_CAPTURE(train_step, slim64, small_model(), 16, false, false)->Apply(twice);
BENCHMARK_CAPTURE(train_step, slim64_bf16, small_model(), 16, false, false, Precision::bf16)->Apply(twice);
BENCHMARK_CAPTURE(train_step, slim64_r1, small_model(), 16, false, true)->Apply(twice);
BENCHMARK_CAPTURE(train_step, full, ModelConfig(), 2, true, false)->Apply(twice);
BENCHMARK_CAPTURE(train_step, full_r1, ModelConfig(), 2, true, true)->Apply(twice);

void train_step_cuda(benchmark::State& state, Precision precision) {
  train_step(state, ModelConfig(), 8, true, false, precision, Device::cuda());
}
BENCHMARK_CAPTURE(train_step_cuda, f32, Precision::fast)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train_step_cuda, tf32, Precision::tf32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train_step_cuda, bf16, Precision::bf16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train_step_cuda, f16, Precision::f16)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace g2face::bench
