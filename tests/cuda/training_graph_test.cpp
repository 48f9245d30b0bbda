// A step of training is recorded once as a CUDA graph. What differs from step to step lies in memory of the device, so
// that replays draw other noise and follow the rates.

#include <doctest/doctest.h>

#include "g2face/graph/gradients.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "plan/plan_data.hpp"

namespace g2face::test {
namespace {

struct NoisyStep {
  Graph g;
  Scope net = Scope(g, "net"), optimizer = Scope(g, "adam");
  Value seeds = g.input({DType::i64, {2}}, "seeds"), step = g.input({DType::i64, {1}}, "step"),
        rate = g.input({DType::f32, {1}}, "rate");
  Value w = net.param("w", {2, 40}, init::zeros()), noise = random_normal(seeds, {{2, 40}, random_stream("noise")});
  Value loss = mean(square(w - noise));
  std::vector<Update> updates =
      adam_updates(optimizer, step, {{{rate, {w}, gradients(loss, {w})}}}, {.beta1 = 0.5, .beta2 = 0.9});

  Parameters start() const {
    Parameters p = initial_parameters(net.declared(), 0);
    for (const auto& [name, tensor] : initial_parameters(optimizer.declared(), 0)) p.set(name, tensor);
    return p;
  }
  /// The plan, with every start of one of its steps counted.
  Plan counted(int& starts) const {
    const Plan made = plan(g, {{noise}}, updates, {.device = Device::cuda(), .fold = false});
    auto data = std::make_shared<PlanData>(made.data());
    for (PlanStep& s : data->steps) {
      s.step.run = [run = s.step.run, &starts](const Buffers& b, Stream& stream) {
        ++starts;
        run(b, stream);
      };
    }
    return Plan(std::move(data));
  }
  void set(Executor& run, int number) const {
    const std::int64_t n = number;
    Tensor s({DType::i64, {2}}), t({DType::i64, {1}});
    s.mutable_as<std::int64_t>()[0] = 7 * n;
    s.mutable_as<std::int64_t>()[1] = 7 * n + 3;
    t.mutable_as<std::int64_t>()[0] = n;
    run.set(seeds, s);
    run.set(step, t);
    run.set(rate, Tensor::full({DType::f32, {1}}, 0.1 / number));
  }
};

TEST_CASE("a step of training is recorded once, and its replays use what was set") {
  const NoisyStep k;
  int starts = 0;
  const Plan made = k.counted(starts);
  const DeviceParameters memory(Device::cuda(), k.start());
  Executor run(made, memory);
  std::vector<std::string> seen;
  Parameters fresh = k.start();
  for (int number = 1; number <= 3; ++number) {
    CAPTURE(number);
    k.set(run, number);
    run.run();
    CHECK(starts == static_cast<int>(made.data().steps.size()));
    seen.push_back(run.get(k.noise).str());
    // The same step by an executor that has run nothing before.
    const DeviceParameters other(Device::cuda(), fresh);
    Executor first(plan(k.g, {{k.noise}}, k.updates, {.device = Device::cuda(), .fold = false}), other);
    k.set(first, number);
    first.run();
    CHECK(first.get(k.noise).str() == seen.back());
    fresh = other.get();
    for (const auto& [name, tensor] : memory.get()) CHECK(fresh.at(name).str() == tensor.str());
  }
  CHECK(seen[0] != seen[1]);
  CHECK(seen[1] != seen[2]);
}

}  // namespace
}  // namespace g2face::test
