// Training on several ranks, here threads, is training on one.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "distributed/run_ranks.hpp"
#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/train/trainer.hpp"
#include "models/tiny.hpp"

using namespace g2face;

namespace {

struct Trained {
  std::vector<StepReport> reports;
  Parameters state;
};

TrainingRecipe recipe_of(std::int64_t batch) {
  TrainingRecipe r = TrainingRecipe::preset("g2face");
  r.batch = batch;
  r.seed = 11;
  r.r1_interval = 2;
  r.schedule.warm_up = 0;
  r.identity_swap = 0.5;
  return r;
}

Tensor part_of(const Tensor& images, const Share& share) {
  const auto one = static_cast<std::size_t>(images.numel() / images.shape()[0]);
  return Tensor::from(images.shape().with(0, share.count),
                      images.as<float>().subspan(static_cast<std::size_t>(share.first) * one,
                                                 static_cast<std::size_t>(share.count) * one));
}

std::vector<Trained> train(int ranks, const TrainingRecipe& recipe, const Device& device, int steps) {
  std::vector<Trained> all(static_cast<std::size_t>(ranks));
  const auto work = [&](const std::shared_ptr<Communicator>& c) {
    const ModelConfig model = tests::tiny_config();
    Trained& t = all[static_cast<std::size_t>(c ? c->rank() : 0)];
    Trainer trainer(model, recipe, new_parameters(Trainer::networks(recipe), model, Fill::random, 5),
                    {.device = device, .precision = Precision::strict, .threads = 1, .ranks = c, .epoch_images = 16});
    for (int i = 0; i < steps; ++i) {
      const Tensor images = g2face::fill(str("faces ", i), Shape{recipe.batch, 3, 16, 16}, 0.8);
      t.reports.push_back(trainer.step({{"image", part_of(images, share_of(recipe.batch, c))}}));
    }
    t.state = trainer.state();
  };
  if (ranks == 1) {
    work(nullptr);
  } else {
    test::run_ranks(ranks, work);
  }
  return all;
}

/// |a - b| / |b| of all elements.
double distance(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < x.as<double>().size(); ++i) {
    difference += std::pow(x.as<double>()[i] - y.as<double>()[i], 2);
    norm += std::pow(y.as<double>()[i], 2);
  }
  return std::sqrt(difference) / std::sqrt(norm + 1e-30);
}

void check_same_on_all(const std::vector<Trained>& ranks) {
  for (const Trained& t : ranks) {
    CHECK(t.reports == ranks.front().reports);
    for (const auto& entry : ranks.front().state) {
      const Tensor& other = t.state.at(entry.first);
      CHECK_MESSAGE(std::memcmp(other.data(), entry.second.data(), other.bytes()) == 0, entry.first);
    }
  }
}

}  // namespace

TEST_CASE("ranks: a batch on two ranks gives what it gives on one") {
  // Groups of the discriminator's batch statistics reach over ranks in both: four images on two ranks, and eight, of
  // which 0, 2, 4 and 6 are a group.
  for (const std::int64_t batch : {4, 8}) {
    CAPTURE(batch);
    const TrainingRecipe recipe = recipe_of(batch);
    const Trained one = train(1, recipe, Device::reference(), 2).front();
    const std::vector<Trained> two = train(2, recipe, Device::reference(), 2);
    check_same_on_all(two);
    REQUIRE(one.state.size() == two.front().state.size());
    // In double, so that a wrong term shows: losses, also those after a step of Adam, are within 1e-9. The state is
    // rounded to f32 when it is read, which can part two numbers that are nearly the same by 1.2e-7. With beta1 = 0
    // Adam's first step has the size of the rate in the direction of each gradient's sign, so parameters whose gradient
    // is nothing but rounding (biases before a normalisation) may go either way: what Adam keeps of squared gradients
    // tells.
    for (std::size_t s = 0; s < one.reports.size(); ++s) {
      REQUIRE(one.reports[s].size() == two.front().reports[s].size());
      for (std::size_t i = 0; i < one.reports[s].size(); ++i) {
        CAPTURE(one.reports[s][i].first);
        CHECK(two.front().reports[s][i].second == doctest::Approx(one.reports[s][i].second).epsilon(1e-9));
      }
    }
    for (const auto& entry : one.state) {
      CAPTURE(entry.first);
      const bool counts = entry.first.starts_with("adam/") || entry.first.find("running_") != std::string::npos;
      if (counts) CHECK(distance(two.front().state.at(entry.first), entry.second) < 1.2e-7);
    }
  }
}

TEST_CASE("ranks: two ranks on the CPU agree with each other to the bit, and with one to rounding") {
  const TrainingRecipe recipe = recipe_of(4);
  const Trained one = train(1, recipe, Device::cpu(), 1).front();
  const std::vector<Trained> two = train(2, recipe, Device::cpu(), 1), again = train(2, recipe, Device::cpu(), 1);
  check_same_on_all(two);
  check_same_on_all({two.front(), again.front()});
  // Sums of a batch in another order: a few roundings of f32 (6e-8), times what the networks make of them.
  for (std::size_t i = 0; i < one.reports[0].size(); ++i) {
    CAPTURE(one.reports[0][i].first);
    CHECK(two.front().reports[0][i].second == doctest::Approx(one.reports[0][i].second).epsilon(1e-4));
  }
}

TEST_CASE("ranks: what is not the same on all of them is refused") {
  CHECK_THROWS_WITH_AS(train(3, recipe_of(4), Device::cpu(), 1), doctest::Contains("cannot be shared equally by 3"),
                       Error);
  const ModelConfig model = tests::tiny_config();
  const TrainingRecipe recipe = recipe_of(4);
  CHECK_THROWS_WITH_AS(test::run_ranks(2,
                                       [&](const std::shared_ptr<Communicator>& c) {
                                         const auto seed = static_cast<std::uint64_t>(c->rank());
                                         Trainer(model, recipe,
                                                 new_parameters(Trainer::networks(recipe), model, Fill::random, seed),
                                                 {.device = Device::cpu(), .ranks = c, .epoch_images = 16});
                                       }),
                       doctest::Contains("a parameter is not the same on all ranks"), Error);
}
