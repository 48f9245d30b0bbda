// A step of training of the smallest model, on CUDA against the obvious loops.

#include "g2face/train/trainer.hpp"

#include <doctest/doctest.h>

#include <array>

#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "models/tiny.hpp"

namespace g2face::tests {
namespace {

TEST_CASE("trainer on CUDA: losses of a step, R1 among them, and of the next one") {
  const ModelConfig model = tiny_config();
  TrainingRecipe recipe = TrainingRecipe::preset("g2face");
  recipe.batch = 2;
  recipe.r1_interval = 1;
  recipe.schedule.warm_up = 0;
  recipe.fake = FakeImages::anonymized;
  const auto steps = [&](const Device& device) {
    Trainer trainer(model, recipe, new_parameters(Trainer::networks(recipe), model, Fill::reference),
                    {.device = device, .precision = Precision::strict, .epoch_images = 100});
    const Tensor images = fill("faces", Shape{2, 3, model.resolution, model.resolution}, 0.8);
    return std::array{trainer.step({{"image", images}}), trainer.step({{"image", images}})};
  };
  const auto got = steps(Device::cuda()), want = steps(Device::reference());
  for (std::size_t step = 0; step < 2; ++step) {
    REQUIRE(got[step].size() == want[step].size());
    for (std::size_t i = 0; i < got[step].size(); ++i) {
      const std::string& name = want[step][i].first;
      CAPTURE(step);
      CAPTURE(name);
      CHECK(got[step][i].first == name);
      // What comes after a step of Adam depends on signs of gradients that rounding decides in places.
      const bool before = step == 0 && !name.starts_with("recover/");
      CHECK(got[step][i].second == doctest::Approx(want[step][i].second).epsilon(before ? 1e-4 : 0.1));
    }
  }
}

}  // namespace
}  // namespace g2face::tests
