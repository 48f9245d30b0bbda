#include "g2face/train/loss_scale.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "g2face/train/recipe.hpp"

using namespace g2face;

namespace {

std::vector<Device> devices() {
  std::vector<Device> all{Device::reference(), Device::cpu()};
  if (Device::cuda_count() > 0) all.push_back(Device::cuda());
  return all;
}

/// One weight, whose gradient is x, with a buffer that follows x and a scale that doubles after two good updates.
struct Line {
  Graph g;
  Scope model = Scope(g, "line"), optimizer = Scope(g, "adam");
  Value x = g.input({DType::f32, {}}, "x"), a = model.param("a", {2}, init::constant(0.5)),
        last = model.param("last", {}, init::as_buffer(init::zeros()));
  LossScale scale = LossScale(optimizer, {.initial = 8, .interval = 2});
  Value skipped;
  std::vector<Update> updates;
  Parameters start;

  Line() {
    const std::vector<Value> slopes = gradients(scale.scaled(sum(a) * x), {a});
    scale.look_at(slopes);
    skipped = scale.skipped();
    const Value step = g.constant(Tensor::full({DType::i64, {1}}, 1)),
                rate = g.constant(Tensor::full({DType::f32, {1}}, 0.25));
    updates = adam_updates(optimizer, step, {{{scale.with_factor(rate), {a}, slopes}}});
    updates.push_back(scale.guarded({"line/last", x}, last));
    for (const Update& u : scale.updates()) updates.push_back(u);
    for (const Scope* s : {&model, &optimizer})
      for (const auto& [name, tensor] : initial_parameters(s->declared(), 0)) start.set(name, tensor);
  }
};

}  // namespace

TEST_CASE("loss scale: gradients lose it again; a step that is not finite changes the scale and nothing else") {
  for (const Device& device : devices()) {
    INFO(device.str());
    const Line line;
    const DeviceParameters memory(device, line.start);
    Executor run(plan(line.g, {{line.skipped}}, line.updates, {.device = device, .fold = false}), memory);
    const auto now = [&] {
      std::vector<std::string> texts;
      for (const char* name : {"line/a", "adam/second/line/a", "line/last", "adam/loss_scale", "adam/good_updates"})
        texts.push_back(memory.get(name).str());
      return texts;
    };
    const auto go = [&](float value) {
      run.set(line.x, Tensor::scalar(value));
      run.run();
      return run.get(line.skipped).item();
    };
    CHECK(go(4) == 0);
    std::vector<std::string> want = now();
    // The first step of Adam goes by the rate, and its mean of squares is a thousandth of 4^2.
    CHECK(want[0] == "[0.25,0.25]");
    CHECK(memory.get("adam/second/line/a").to(DType::f64).as<double>()[0] == doctest::Approx(0.016));
    CHECK(want[2] == "4");
    CHECK(memory.get("adam/loss_scale").item() == 8);
    CHECK(memory.get("adam/good_updates").item() == 1);
    for (const float bad : {INFINITY, NAN, -INFINITY}) {
      CHECK(go(bad) == 1);
      const std::vector<std::string> got = now();
      for (std::size_t i = 0; i < 3; ++i) CHECK(got[i] == want[i]);
    }
    CHECK(memory.get("adam/loss_scale").item() == 1);
    CHECK(memory.get("adam/good_updates").item() == 0);
    CHECK(go(1) == 0);
    CHECK(go(1) == 0);
    CHECK(memory.get("adam/loss_scale").item() == 2);
    CHECK(memory.get("adam/good_updates").item() == 0);
  }
}

TEST_CASE("loss scale: it grows no further than the largest") {
  Line line;
  line.start.set("adam/loss_scale", Tensor::full({DType::f32, {1}}, largest_loss_scale));
  const DeviceParameters memory(Device::cpu(), line.start);
  Executor run(plan(line.g, {}, line.updates, {.fold = false}), memory);
  run.set(line.x, Tensor::scalar(1));
  for (int i = 0; i < 2; ++i) run.run();
  CHECK(memory.get("adam/loss_scale").item() == largest_loss_scale);
}

TEST_CASE("loss scale: it begins as a power of two") {
  for (const double good : {1., 2., 65536., largest_loss_scale}) CHECK(LossScaleOptions{.initial = good}.begins_well());
  for (const double bad : {0., 0.5, 3., 1e5, 2 * largest_loss_scale, -2., double{INFINITY}, double{NAN}}) {
    CHECK_FALSE(LossScaleOptions{.initial = bad}.begins_well());
    TrainingRecipe recipe = TrainingRecipe::preset("g2face");
    recipe.loss_scale.initial = bad;
    CHECK_THROWS_WITH_AS(recipe.validate(), doctest::Contains("loss_scale.initial"), Error);
  }
}
