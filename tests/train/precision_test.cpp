// Training in bf16 on the host.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/train/trainer.hpp"
#include "models/tiny.hpp"

using namespace g2face;

namespace {

bool same(const Parameters& a, const Parameters& b) {
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || b.at(name).type() != tensor.type() ||
        std::memcmp(b.at(name).data(), tensor.data(), tensor.bytes()) != 0)
      return false;
  return a.size() == b.size();
}

}  // namespace

// Convolutions large enough to be rounded do not fit a test: tests/ops/cpu/conv2d_test.cpp compares them one by one.
TEST_CASE(
    "trainer in bf16 on cpu: losses are near f32's, a resumed run leaves the same bytes, and what is kept is f32") {
  const ModelConfig model = tests::tiny_config();
  TrainingRecipe recipe = TrainingRecipe::preset("g2face");
  recipe.batch = 2;
  recipe.r1_interval = 2;
  recipe.weights.lpips = 0;
  const auto start = [&] { return new_parameters(Trainer::networks(recipe), model, Fill::random, 5); };
  const auto options = [](Precision precision, std::int64_t first = 0) {
    return TrainingOptions{.device = Device::cpu(), .precision = precision, .epoch_images = 8, .first_step = first};
  };
  const auto step = [&](Trainer& t) { return t.step({{"image", fill(str(t.steps()), Shape{2, 3, 16, 16}, 0.8)}}); };
  Trainer exact(model, recipe, start(), options(Precision::strict));
  Trainer whole(model, recipe, start(), options(Precision::bf16)),
      first(model, recipe, start(), options(Precision::bf16));
  const StepReport want = step(exact), got = step(whole);
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(want[i].first);
    if (want[i].first.starts_with("anonymize/") && !want[i].first.ends_with("bits wrong"))
      CHECK(std::abs(got[i].second - want[i].second) < 0.02 * (1 + std::abs(want[i].second)));  // 8 bits of a factor
  }
  const StepReport next = step(whole);
  CHECK(step(first) == got);
  Trainer second(model, recipe, first.state(), options(Precision::bf16, 1));
  CHECK(step(second) == next);
  CHECK(same(whole.state(), second.state()));
  const Parameters state = whole.state();
  for (const auto& [name, tensor] : exact.state()) CHECK(state.at(name).type() == tensor.type());
  CHECK_FALSE(state.contains("adam/loss_scale"));
}
