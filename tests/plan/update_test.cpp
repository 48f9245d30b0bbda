// Parameters that a plan changes: in their own memory where it can be done, and right in any case.
#include <doctest/doctest.h>

#include <algorithm>

#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "plan/plan_data.hpp"

using namespace g2face;

namespace {

std::vector<Device> devices() {
  std::vector<Device> all{Device::reference(), Device::cpu()};
  if (Device::cuda_count() > 0) all.push_back(Device::cuda());
  return all;
}

struct Pair {
  Graph g;
  Value p = g.parameter({DType::f32, {4}}, "p"), q = g.parameter({DType::f32, {4}}, "q");
  Value x = g.input({DType::f32, {4}}, "x");
  Parameters parameters;
  Pair() {
    parameters.set("p", Tensor::from({4}, {1, 2, 3, 4}));
    parameters.set("q", Tensor::from({4}, {8, 8, 8, 8}));
  }
  Plan planned(const std::vector<Value>& outputs, const std::vector<Update>& updates, const Device& device) const {
    return plan(g, outputs, updates, {.device = device, .fold = false});
  }
  /// p and q after two runs with x = 1.
  std::pair<std::string, std::string> after_two(const std::vector<Update>& updates, const Device& device) const {
    const DeviceParameters memory(device, parameters);
    Executor run(planned({}, updates, device), memory);
    run.set(x, Tensor::from({4}, {1, 1, 1, 1}));
    run.run();
    run.run({.check_finite = true, .poison = true});
    return {memory.get("p").str(), memory.get("q").str()};
  }
};

std::ptrdiff_t copies(const Plan& p) {
  return std::count_if(p.data().steps.begin(), p.data().steps.end(),
                       [](const PlanStep& s) { return s.op->name == "slice"; });
}

}  // namespace

TEST_CASE("updates: a step writes over the parameter that it alone reads") {
  const Pair k;
  for (const Device& device : devices()) {
    INFO(device.str());
    const std::vector<Update> updates{{"p", k.p + k.x}, {"q", k.q * 0.5}};
    CHECK(k.after_two(updates, device) == std::pair<std::string, std::string>{"[3,4,5,6]", "[2,2,2,2]"});
    if (device.kind != Device::Kind::reference) CHECK(copies(k.planned({}, updates, device)) == 0);
  }
}

TEST_CASE("updates: what still reads the old value gets it") {
  const Pair k;
  // Each becomes something of the other's old value; then one value for both; then a view, and a value known before.
  const Value sum = k.p + k.q;
  for (const Device& device : devices()) {
    INFO(device.str());
    CHECK(k.after_two({{"p", k.q + k.x}, {"q", k.p + k.x}}, device) ==
          std::pair<std::string, std::string>{"[3,4,5,6]", "[10,10,10,10]"});
    CHECK(k.after_two({{"p", sum}, {"q", sum}}, device) ==
          std::pair<std::string, std::string>{"[18,20,22,24]", "[18,20,22,24]"});
    CHECK(k.after_two({{"p", reshape(reshape(k.p + k.x, {2, 2}), {4})}}, device).first == "[3,4,5,6]");
    CHECK(k.after_two({{"q", k.p}}, device).second == "[1,2,3,4]");
    CHECK(k.after_two({{"p", k.p}}, device).first == "[1,2,3,4]");
  }
}

TEST_CASE("updates: outputs of the same run") {
  const Pair k;
  const Value y = k.p * 3., next = k.p + k.x;
  for (const Device& device : devices()) {
    INFO(device.str());
    const DeviceParameters memory(device, k.parameters);
    Executor run(k.planned({y, next}, {{"p", next}}, device), memory);
    run.set(k.x, Tensor::from({4}, {1, 1, 1, 1}));
    run.run();
    run.run();
    CHECK(run.get(y).str() == "[6,9,12,15]");
    CHECK(run.get(next).str() == "[3,4,5,6]");
  }
}

TEST_CASE("updates: integers, and shapes without axes") {
  Graph g;
  const Value count = g.parameter({DType::i64, {}}, "count"), x = g.input({DType::i64, {}}, "x");
  Parameters parameters;
  parameters.set("count", Tensor::zeros(count.type()));
  for (const Device& device : devices()) {
    INFO(device.str());
    const DeviceParameters memory(device, parameters);
    const std::vector<Update> updates{{"count", x}};
    Executor run(plan(g, {}, updates, {.device = device, .fold = false}), memory);
    run.set(x, Tensor::full(x.type(), 7));
    run.run();
    CHECK(memory.get("count").str() == "7");
    CHECK(memory.get("count").dtype() == DType::i64);
  }
}

TEST_CASE("updates: executors that share parameters see each other's changes") {
  const Pair k;
  const Value y = k.p + 0.5;
  for (const Device& device : devices()) {
    INFO(device.str());
    const DeviceParameters memory(device, k.parameters);
    Executor change(k.planned({}, {{"p", k.p + k.x}}, device), memory), read(k.planned({y}, {}, device), memory);
    change.set(k.x, Tensor::from({4}, {1, 1, 1, 1}));
    for (int i = 0; i < 2; ++i) {
      change.run();
      read.run();
    }
    CHECK(read.get(y).str() == "[3.5,4.5,5.5,6.5]");
    CHECK(k.parameters.at("p").str() == "[1,2,3,4]");
  }
}

TEST_CASE("updates: executors may share their memory") {
  const Pair k;
  const Value y = k.p + k.x, z = k.q * 2.0;
  for (const Device& device : devices()) {
    INFO(device.str());
    DeviceParameters memory(device, k.parameters);
    const Plan small = k.planned({z}, {}, device), large = k.planned({y, z}, {}, device);
    memory.share_arena(large.arena_bytes());
    CHECK_THROWS_WITH_AS(memory.share_arena(8), doctest::Contains("there is an arena already"), PlanError);
    Executor one(large, memory), two(small, memory);
    one.set(k.x, Tensor::from({4}, {1, 1, 1, 1}));
    for (int i = 0; i < 2; ++i) {  // inputs stay
      one.run({.poison = true});
      CHECK(one.get(y).str() == "[2,3,4,5]");
      CHECK_THROWS_WITH_AS(two.get(z), doctest::Contains("another executor has run since"), GraphError);
      two.run({.poison = true});
      CHECK(two.get(z).str() == "[16,16,16,16]");
      CHECK_THROWS_WITH_AS(one.get(y), doctest::Contains("another executor has run since"), GraphError);
    }
  }
}

TEST_CASE("updates: the step that writes over a parameter waits for those that read it") {
  Graph g;
  const Value x = g.input({DType::f32, {3, 4}}, "x"), w = g.parameter({DType::f32, {4, 4}}, "w");
  const Value y = matmul(x, w);
  const std::vector<Update> updates{{"w", w * 0.5}};
  const std::vector<Value> outputs{y};
  const Plan p = plan(g, outputs, updates, {.fold = false});
  REQUIRE(p.data().steps.size() == 2);
  CHECK(p.data().steps[0].op == &matmul_op);
  CHECK(root_of(p.data(), p.data().steps[1].out[0]) == p.data().updates[0].first);
  CHECK(dependencies(p.data())[1] == std::vector<int>{0});
}

TEST_CASE("updates: mistakes are named") {
  const Pair k;
  const auto planning = [&](const std::vector<Update>& updates, bool fold = false) {
    plan(k.g, {}, updates, {.device = Device::cpu(), .fold = fold});
  };
  CHECK_THROWS_WITH_AS(planning({{"p", k.p + k.x}}, true), "plan: parameters that are updated cannot be folded",
                       PlanError);
  CHECK_THROWS_WITH_AS(planning({{"r", k.x}}), "plan: there is no parameter 'r' to update, or two updates", PlanError);
  CHECK_THROWS_WITH_AS(planning({{"p", k.x}, {"p", k.q}}), "plan: there is no parameter 'p' to update, or two updates",
                       PlanError);
  CHECK_THROWS_WITH_AS(planning({{"p", reshape(k.x, {2, 2})}}), "plan: parameter 'p' is f32[4] and its update f32[2,2]",
                       PlanError);
  CHECK_THROWS_WITH_AS(planning({{"p", k.q}, {"q", k.p}}),
                       "plan: parameter 'p' takes the old value of 'q', which changes as well", PlanError);
  const Plan good = k.planned({}, {{"p", k.p + k.x}}, Device::cpu());
  CHECK_THROWS_WITH_AS(Executor(good, &k.parameters), "a plan that updates parameters runs on DeviceParameters",
                       PlanError);
  CHECK_THROWS_WITH_AS(Executor(good, DeviceParameters(Device::reference(), k.parameters)),
                       "the plan is for cpu, but the parameters are on reference", PlanError);
  Parameters wrong;
  wrong.set("q", Tensor::zeros({DType::f32, {5}}));
  const Plan both = k.planned({}, {{"p", k.p + k.q}}, Device::cpu());
  CHECK_THROWS_WITH_AS(Executor(both, DeviceParameters(Device::cpu(), wrong)),
                       "the parameters do not fit the plan: p is missing; q is f32[5], expected f32[4]",
                       CheckpointError);
  CHECK_THROWS_WITH_AS(DeviceParameters(Device::cpu(), wrong).get("p"), "there is no parameter 'p' on cpu",
                       CheckpointError);
}
