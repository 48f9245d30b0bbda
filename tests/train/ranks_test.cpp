// Training on several ranks, here threads, is training on one.

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>

#include "distributed/run_ranks.hpp"
#include "g2face/face/builtin_head.hpp"
#include "g2face/face/reference_layout.hpp"
#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/train/identity_trainer.hpp"
#include "g2face/train/prior.hpp"
#include "g2face/train/recon_trainer.hpp"
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
  r.identity_swap = r.real_identities = 0.5;
  return r;
}

Tensor part_of(const Tensor& images, const Share& share) {
  const auto one = static_cast<std::size_t>(images.numel() / images.shape()[0]);
  return Tensor::from(images.shape().with(0, share.count),
                      images.as<float>().subspan(static_cast<std::size_t>(share.first) * one,
                                                 static_cast<std::size_t>(share.count) * one));
}

/// A training of some ranks, null for one alone, and what a rank is given in a step.
struct Case {
  std::function<std::unique_ptr<Training>(const std::shared_ptr<Communicator>&)> make;
  std::function<Batch(int step, int rank, int ranks)> batch;
};

std::vector<Trained> train(int ranks, const Case& c, int steps) {
  std::vector<Trained> all(static_cast<std::size_t>(ranks));
  const auto work = [&](const std::shared_ptr<Communicator>& own) {
    const int rank = own ? own->rank() : 0;
    Trained& t = all[static_cast<std::size_t>(rank)];
    const std::unique_ptr<Training> training = c.make(own);
    for (int i = 0; i < steps; ++i) t.reports.push_back(training->step(c.batch(i, rank, ranks)));
    t.state = training->state();
  };
  if (ranks == 1) {
    work(nullptr);
  } else {
    test::run_ranks(ranks, work);
  }
  return all;
}

TrainingOptions options_of(const Device& device, const std::shared_ptr<Communicator>& ranks) {
  return {.device = device, .precision = Precision::strict, .threads = 1, .ranks = ranks, .epoch_images = 16};
}

Tensor faces(std::int64_t batch, int step, int rank, int ranks) {
  const Tensor images = g2face::fill(str("faces ", step), Shape{batch, 3, 16, 16}, 0.8);
  return part_of(images, {rank * batch / ranks, batch / ranks});
}

Case whole_model(const TrainingRecipe& recipe, const Device& device) {
  return {[=](const std::shared_ptr<Communicator>& ranks) {
            const ModelConfig model = tests::tiny_config();
            return std::make_unique<Trainer>(model, recipe,
                                             new_parameters(Trainer::networks(recipe), model, Fill::random, 5),
                                             options_of(device, ranks));
          },
          [=](int step, int rank, int ranks) {
            return Batch{{"image", faces(recipe.batch, step, rank, ranks)}};
          }};
}

/// With everything that looks at a batch: the mean style, the mean length of paths, augmentation and what tunes it.
Case prior_alone(const Device& device, int path_length_shrink = 2) {
  PriorRecipe recipe = PriorRecipe::preset("prior-64");
  recipe.batch = 4;
  recipe.seed = 11;
  recipe.mapping_depth = 2;
  recipe.r1_interval = 2;
  recipe.path_length_interval = 2;
  recipe.path_length_shrink = path_length_shrink;
  recipe.ada.p = 0.5;
  recipe.ada.every = 1;
  return {[=](const std::shared_ptr<Communicator>& ranks) {
            const ModelConfig model = tests::tiny_config();
            return std::make_unique<PriorTrainer>(model, recipe, prior_start({}, model, recipe),
                                                  options_of(device, ranks));
          },
          [=](int step, int rank, int ranks) {
            return Batch{{"image", faces(recipe.batch, step, rank, ranks)}};
          }};
}

/// With classes, a teacher, and weight decay.
Case identity_alone(const Device& device) {
  IdentityRecipe recipe;
  recipe.batch = 4;
  recipe.schedule.warm_up = 0;
  recipe.weights.teacher = 1;
  recipe.decay = 0.01;
  return {[=](const std::shared_ptr<Communicator>& ranks) {
            constexpr auto network = std::to_array<std::string_view>({"arcface"});
            const ModelConfig model = tests::tiny_config();
            Parameters start = new_parameters(network, model, Fill::random, 5);
            Parameters teacher = new_parameters(network, model, Fill::random, 6);
            model.store(teacher);
            set_teacher(start, teacher);
            return std::make_unique<IdentityTrainer>(model, recipe, 3, Gallery{}, std::move(start),
                                                     options_of(device, ranks));
          },
          [=](int step, int rank, int ranks) {
            const std::int64_t n = recipe.batch / ranks;
            Tensor labels({DType::i32, {n}});
            for (std::int64_t i = 0; i < n; ++i)
              labels.mutable_as<std::int32_t>()[static_cast<std::size_t>(i)] =
                  static_cast<std::int32_t>((rank * n + i) % 3);
            return Batch{{"image", faces(recipe.batch, step, rank, ranks)}, {"label", labels}};
          }};
}

/// With a term of photos.
Case regressor_alone(const Device& device) {
  ReconRecipe recipe;
  recipe.batch = 4;
  recipe.schedule.warm_up = 0;
  recipe.weights.photo = 1;
  const auto head = std::make_shared<const Parameters>(reference_layout(builtin_head()));
  const auto rendered = std::make_shared<RenderedFaces>(*head, RenderedFaceOptions{.size = 16, .seed = 4});
  return {[=](const std::shared_ptr<Communicator>& ranks) {
            const ModelConfig model = tests::tiny_config();
            Parameters start = new_recon(model, rendered->statistics(), 3);
            for (const auto& [name, tensor] : *head) start.set(name, tensor);
            FaceModelFacts::of(*head).store(start);
            return std::make_unique<ReconTrainer>(model, recipe, rendered->statistics(), std::move(start),
                                                  options_of(device, ranks));
          },
          [=](int step, int rank, int ranks) {
            Batch batch = rendered->batch(step * recipe.batch, recipe.batch, rank, ranks);
            batch["photo"] = faces(recipe.batch, step, rank, ranks);
            return batch;
          }};
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

/// In double, so that a wrong term shows: losses, also those after a step of Adam, are within 1e-9. The state is
/// rounded to f32 when it is read, which can part two numbers that are nearly the same by 1.2e-7. With beta1 = 0 Adam's
/// first step has the size of the rate in the direction of each gradient's sign, so parameters whose gradient is
/// nothing but rounding (biases before a normalisation) may go either way, and the means that follow them: what Adam
/// keeps of squared gradients tells.
void check_two_are_one(const Trained& one, const std::vector<Trained>& two) {
  check_same_on_all(two);
  REQUIRE(one.state.size() == two.front().state.size());
  for (std::size_t s = 0; s < one.reports.size(); ++s) {
    REQUIRE(one.reports[s].size() == two.front().reports[s].size());
    for (std::size_t i = 0; i < one.reports[s].size(); ++i) {
      CAPTURE(one.reports[s][i].first);
      CHECK(two.front().reports[s][i].second == doctest::Approx(one.reports[s][i].second).epsilon(1e-9));
    }
  }
  for (const auto& entry : one.state) {
    CAPTURE(entry.first);
    const bool counts = entry.first.starts_with("adam/second/") || entry.first.starts_with("ada/") ||
                        entry.first.starts_with("path_length/") || entry.first.ends_with("w_avg") ||
                        entry.first.ends_with("running_var") ||
                        (entry.first.ends_with("running_mean") && !entry.first.starts_with("arcface/"));
    if (counts) CHECK(distance(two.front().state.at(entry.first), entry.second) < 1.2e-7);
  }
}

}  // namespace

TEST_CASE("ranks: a batch on two ranks gives what it gives on one") {
  // Groups of the discriminator's batch statistics reach over ranks in both: four images on two ranks, and eight, of
  // which 0, 2, 4 and 6 are a group.
  for (const std::int64_t batch : {4, 8}) {
    CAPTURE(batch);
    const Case c = whole_model(recipe_of(batch), Device::reference());
    check_two_are_one(train(1, c, 2).front(), train(2, c, 2));
  }
}

TEST_CASE("ranks: so it does where one network is trained") {
  for (const Case& c :
       {prior_alone(Device::reference()), identity_alone(Device::reference()), regressor_alone(Device::reference())})
    check_two_are_one(train(1, c, 2).front(), train(2, c, 2));
}

TEST_CASE("ranks: two ranks on the CPU agree with each other to the bit, and with one to rounding") {
  for (const Case& c : {whole_model(recipe_of(4), Device::cpu()), prior_alone(Device::cpu()),
                        identity_alone(Device::cpu()), regressor_alone(Device::cpu())}) {
    const Trained one = train(1, c, 1).front();
    const std::vector<Trained> two = train(2, c, 1), again = train(2, c, 1);
    check_same_on_all(two);
    check_same_on_all({two.front(), again.front()});
    // Sums of a batch in another order: a few roundings of f32 (6e-8), times what the networks make of them.
    for (std::size_t i = 0; i < one.reports[0].size(); ++i) {
      CAPTURE(one.reports[0][i].first);
      CHECK(two.front().reports[0][i].second == doctest::Approx(one.reports[0][i].second).epsilon(1e-4));
    }
  }
}

TEST_CASE("ranks: what is not the same on all of them is refused") {
  CHECK_THROWS_WITH_AS(train(3, whole_model(recipe_of(4), Device::cpu()), 1),
                       doctest::Contains("cannot be shared equally by 3"), Error);
  CHECK_THROWS_WITH_AS(train(2, prior_alone(Device::cpu(), 4), 1),
                       "prior training: steps of path length are of 1 pictures, which 2 ranks cannot share equally: "
                       "change \"path_length_shrink\"",
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
