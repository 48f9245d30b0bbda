#include "g2face/nn/ema.hpp"

#include <doctest/doctest.h>

#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"

using namespace g2face;

TEST_CASE("ema follows what parameters become, and leaves out those with a name that it skips") {
  Graph g;
  const Scope model(g, "net"), averages(g, "ema");
  const Value w = model.param("conv.weight", {2}, init::ones()), n = model.param("norm.weight", {2}, init::ones());
  const Value b = model.param("conv.bias", {2}, init::ones());
  std::vector<Update> updates{{"net/conv.weight", w * 2.}, {"net/norm.weight", n * 2.}};
  const std::vector<Update> own = ema_updates(averages, model.trainable(), updates, {.decay = 0.75});
  REQUIRE(own.size() == 2);
  CHECK(own[0].name == "ema/net/conv.weight");
  CHECK(own[1].name == "ema/net/conv.bias");
  updates.insert(updates.end(), own.begin(), own.end());

  Parameters parameters = initial_parameters(model.declared(), 0);
  begin_averages(parameters, averages.declared(), "ema");
  CHECK(parameters.at("ema/net/conv.weight").str() == "[1,1]");
  std::vector<Device> devices{Device::reference(), Device::cpu()};
  if (Device::cuda_count() > 0) devices.push_back(Device::cuda());
  for (const Device& device : devices) {
    INFO(device.str());
    const DeviceParameters memory(device, parameters);
    Executor run(plan(g, {}, updates, {.device = device, .fold = false}), memory);
    run.run();
    run.run();
    CHECK(memory.get("net/conv.weight").str() == "[4,4]");
    CHECK(memory.get("net/norm.weight").str() == "[4,4]");
    CHECK(memory.get("ema/net/conv.weight").str() == "[1.9375,1.9375]");  // 0.75 (0.75 1 + 0.25 2) + 0.25 4
    CHECK(memory.get("ema/net/conv.bias").str() == "[1,1]");
  }
  CHECK(ema_updates(Scope(g, "all"), model.trainable(), updates, {.skip = ""}).size() == 3);
  CHECK(ema_updates(Scope(g, "none"), model.trainable("net/norm"), updates).empty());
  CHECK_THROWS_AS(ema_updates(averages, {{w + b}}, updates), GraphError);
  CHECK_THROWS_AS(begin_averages(parameters, model.declared(), "ema"), GraphError);
}
