#include "g2face/train/trainer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "g2face/anonymizer.hpp"
#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/trained_noise.hpp"
#include "models/tiny.hpp"

using namespace g2face;

namespace {

TrainingRecipe quick() {
  TrainingRecipe r = TrainingRecipe::preset("g2face");
  r.batch = 4;
  r.seed = 11;
  r.r1_interval = 2;
  r.schedule.warm_up = 0;
  return r;
}

Tensor faces(std::int64_t n, std::int64_t size, std::int64_t batch_number) {
  return g2face::fill(str("faces ", batch_number), Shape{n, 3, size, size}, 0.8);
}

Parameters start_of(const ModelConfig& m, const TrainingRecipe& r) {
  return new_parameters(Trainer::networks(r), m, Fill::random, 5);
}

TrainingOptions on_cpu(std::int64_t first_step = 0) {
  return {.device = Device::cpu(), .precision = Precision::strict, .epoch_images = 8, .first_step = first_step};
}

/// Names of tensors whose bytes differ, or that only one side has.
std::set<std::string> differences(const Parameters& a, const Parameters& b) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || b.at(name).type() != tensor.type() ||
        std::memcmp(b.at(name).data(), tensor.data(), tensor.bytes()) != 0)
      names.insert(name);
  for (const auto& [name, tensor] : b)
    if (!a.contains(name)) names.insert(name);
  return names;
}

/// What the first step reports.
std::map<std::string, double> first_step(const ModelConfig& model, const TrainingRecipe& recipe, const Tensor& images) {
  Trainer trainer(model, recipe, start_of(model, recipe), on_cpu());
  const StepReport report = trainer.step({{"image", images}});
  return {report.begin(), report.end()};
}

}  // namespace

TEST_CASE("trainer: two steps, stop, two steps are four steps") {
  const ModelConfig model = tests::tiny_config();
  // With p on its way after three of them, and all that can happen in the channel.
  TrainingRecipe adaptive = quick();
  adaptive.ada = {.target = 0.6, .length = 24, .every = 3, .p = 0.5};
  adaptive.channel = {.resize = 0.5, .jpeg = 0.5, .round = true};
  adaptive.weights.lpips = 0;
  for (const TrainingRecipe& recipe : {quick(), adaptive}) {
    Trainer whole(model, recipe, start_of(model, recipe), on_cpu());
    Trainer first(model, recipe, start_of(model, recipe), on_cpu());
    std::vector<StepReport> reports;
    for (std::int64_t i = 0; i < 4; ++i) reports.push_back(whole.step({{"image", faces(4, 16, i)}}));
    for (std::int64_t i = 0; i < 2; ++i)
      CHECK(first.step({{"image", faces(4, 16, i)}}) == reports[static_cast<std::size_t>(i)]);
    Trainer second(model, recipe, first.state(), on_cpu(first.steps()));
    for (std::int64_t i = 2; i < 4; ++i)
      CHECK(second.step({{"image", faces(4, 16, i)}}) == reports[static_cast<std::size_t>(i)]);
    CHECK(second.steps() == 4);
    CHECK(differences(whole.state(), second.state()).empty());
    CHECK(trained_bits(whole.model()) == recipe.bits);
    if (!recipe.ada.on()) continue;
    std::map<std::string, double> at_2(reports[1].begin(), reports[1].end()),
        at_3(reports[2].begin(), reports[2].end());
    CHECK(at_2.at("augment/p") == 0.5);
    CHECK(std::fabs(at_3.at("augment/p") - 0.5) == 0.5);  // 12 images of 24, up or down
    CHECK(first.state().at("ada/steps").item() == 2);
  }
}

TEST_CASE("trainer: what the discriminator sees is augmented, for each part of a step") {
  const ModelConfig model = tests::tiny_config();
  TrainingRecipe recipe = quick();
  recipe.weights.lpips = 0;
  recipe.r1_interval = 1;
  const auto step = [&](const AdaSettings& ada) {
    recipe.ada = ada;
    return first_step(model, recipe, faces(4, 16, 0));
  };
  const auto off = step({.target = 0}), high = step({.target = 0, .p = 1});
  CHECK_FALSE(off.contains("augment/p"));
  CHECK(high.at("augment/p") == 1);
  for (const char* name : {"anonymize/adversarial", "discriminate/real", "discriminate/r1"}) {
    CAPTURE(name);
    CHECK(off.at(name) != high.at(name));
  }
  CHECK(off.at("anonymize/l1") == high.at("anonymize/l1"));
  CHECK(off.at("anonymize/hiding") == high.at("anonymize/hiding"));
}

TEST_CASE("trainer: swapped identities are those of the next photo, and pictures have to show them") {
  const ModelConfig model = tests::tiny_config();
  const auto losses = [&](double share, const Tensor& images) {
    TrainingRecipe recipe = quick();
    recipe.identity_swap = share;
    return first_step(model, recipe, images);
  };
  const auto recover_loss = [&](double share, const Tensor& images) {
    return losses(share, images).at("recover/identity");
  };
  const Tensor four = faces(4, 16, 0);
  const auto one = four.as<float>().first(static_cast<std::size_t>(four.numel() / 4));
  Tensor same(four.type());
  for (std::size_t i = 0; i < 4; ++i) std::copy(one.begin(), one.end(), &same.mutable_as<float>()[i * one.size()]);
  CHECK(recover_loss(1, same) == recover_loss(0, same));  // the next photo shows the same person
  CHECK(recover_loss(1, four) != recover_loss(0, four));
  // Their photo's identity must not be seen: of a photo that is swapped with itself the two losses pull apart.
  CHECK_FALSE(losses(0, four).contains("recover/wrong_key"));
  const auto torn = losses(1, same);
  CHECK(torn.at("recover/wrong_key") >= 0);
  CHECK(torn.at("recover/wrong_key") >= 1 - torn.at("recover/identity") - 1e-5);
  CHECK(losses(1, four).at("recover/wrong_key") != torn.at("recover/wrong_key"));
  TrainingRecipe wrong = quick();
  wrong.identity_swap = 1.5;
  CHECK_THROWS_WITH_AS(wrong.validate(), doctest::Contains("identity_swap is 1.5"), Error);
  wrong = quick();
  wrong.wrong_key_ramp = {5, 3};
  CHECK_THROWS_WITH_AS(wrong.validate(), doctest::Contains("wrong_key_ramp is [5, 3]"), Error);
}

TEST_CASE("trainer: the weight of wrong_key grows in its ramp, and is whole after it") {
  const ModelConfig model = tests::tiny_config();
  const auto shares = [&](const std::array<std::int64_t, 2>& ramp) {
    TrainingRecipe recipe = quick();
    recipe.identity_swap = 1;
    recipe.wrong_key_ramp = ramp;
    recipe.rate = recipe.prior_rate = 0;  // the same networks in each step
    recipe.noise = TrainingNoise::fixed;
    recipe.channel = {};
    Trainer trainer(model, recipe, start_of(model, recipe), on_cpu());
    std::vector<double> weighed;
    for (int step = 0; step < 4; ++step) {
      for (const auto& [name, value] : trainer.step({{"image", faces(4, 16, 0)}}))
        if (name == "recover/wrong_key") weighed.push_back(value);
    }
    return weighed;
  };
  const std::vector<double> whole = shares({0, 0}), ramp = shares({1, 3});
  REQUIRE(whole.size() == 4);
  REQUIRE(ramp.size() == 4);
  CHECK(whole[0] > 0);
  CHECK(ramp[0] == 0);
  CHECK(ramp[1] == doctest::Approx(whole[1] / 2).epsilon(1e-5));
  CHECK(ramp[2] == doctest::Approx(whole[2]).epsilon(1e-5));
  CHECK(ramp[3] == doctest::Approx(whole[3]).epsilon(1e-5));
}

TEST_CASE("trainer: real identities are those of the next photo, and anonymized pictures have to show them") {
  const ModelConfig model = tests::tiny_config();
  const auto losses = [&](double share, const Tensor& images) {
    TrainingRecipe recipe = quick();
    recipe.real_identities = share;
    return first_step(model, recipe, images);
  };
  const Tensor four = faces(4, 16, 0);
  Tensor same(four.type());
  const std::size_t one = same.as<float>().size() / 4;
  for (std::size_t i = 0; i < same.as<float>().size(); ++i) same.mutable_as<float>()[i] = four.as<float>()[i % one];
  const auto drawn = losses(0, four), real = losses(1, four), torn = losses(1, same);
  CHECK(drawn.at("anonymize/consistency") != real.at("anonymize/consistency"));
  CHECK(drawn.at("anonymize/diversity") == real.at("anonymize/diversity"));  // still of the virtual ones
  // Where the next photo is of the same person, what has to be shown is what may not be seen: the cosine is 1 less the
  // one, and at most the other, a mean of those above 0.
  CHECK(torn.at("anonymize/identity") >= 1 - torn.at("anonymize/consistency") - 1e-5);
  CHECK(torn.at("anonymize/consistency") != real.at("anonymize/consistency"));
  TrainingRecipe wrong = quick();
  wrong.real_identities = -0.5;
  CHECK_THROWS_WITH_AS(wrong.validate(), doctest::Contains("real_identities is -0.5"), Error);
}

TEST_CASE("trainer: a step trains what it should and nothing else") {
  const ModelConfig model = tests::tiny_config();
  const TrainingRecipe recipe = quick();
  const Parameters before = start_of(model, recipe);
  Trainer trainer(model, recipe, start_of(model, recipe), on_cpu());
  const StepReport report = trainer.step({{"image", faces(4, 16, 0)}});
  const Parameters after = trainer.state();
  std::map<std::string, int> changed, kept;
  for (const auto& [name, tensor] : before) {
    const std::string network = name.substr(0, name.find('/'));
    const bool same = std::memcmp(after.at(name).data(), tensor.data(), tensor.bytes()) == 0;
    ++(same ? kept : changed)[network];
  }
  for (const char* trained : {"generator", "style_mlp", "map_2_id", "hiding_extractor", "discriminator"})
    CHECK_MESSAGE(changed[trained] > 0, trained);
  for (const char* frozen : {"arcface", "recon", "lpips"}) CHECK_MESSAGE(changed[frozen] == 0, frozen);
  CHECK(after.contains("adam/second/generator/conv1.conv.weight"));
  CHECK(after.contains("ema/generator/conv1.conv.weight"));
  CHECK_FALSE(after.contains("ema/discriminator/final_linear.0.weight"));

  std::map<std::string, double> by_name(report.begin(), report.end());
  for (const char* stage : {"anonymize", "recover"}) {
    double sum = 0;
    for (const auto& [name, value] : report) {
      const bool term = name.starts_with(str(stage, '/')) && !name.ends_with("/total") && !name.ends_with("bits wrong");
      if (term) sum += value;
    }
    CHECK(sum == doctest::Approx(by_name.at(str(stage, "/total"))).epsilon(1e-5));
  }
  CHECK_FALSE(by_name.contains("anonymize/shape"));  // there is no face model
  CHECK_FALSE(by_name.contains("discriminate/r1"));  // this is step 1
}

TEST_CASE("trainer: fixed noise is the same for each picture, fresh noise is not") {
  const ModelConfig model = tests::tiny_config();
  TrainingRecipe recipe = quick();
  recipe.weights.lpips = recipe.weights.adversarial = 0;
  Parameters start = new_parameters(Trainer::networks(recipe), model, Fill::reference);
  // Neither bits nor identities are to tell pictures of one photo apart.
  for (const auto& [name, tensor] : Parameters(start))
    if (name.starts_with("map_2_id/") || name.starts_with("generator/hiding_injects."))
      start.set(name, Tensor::zeros(tensor.type()));
  Tensor photos({DType::f32, {2, 3, 16, 16}});
  const Tensor photo = faces(1, 16, 0);
  for (std::ptrdiff_t i = 0; i < 2; ++i)
    std::ranges::copy(photo.as<float>(), photos.mutable_as<float>().begin() + i * photo.numel());
  for (const TrainingNoise noise : {TrainingNoise::fixed, TrainingNoise::fresh}) {
    recipe.noise = noise;
    Trainer trainer(model, recipe, start, on_cpu());
    const Preview preview = trainer.preview({{"image", photos}});
    const std::span<const float> pictures = preview.pictures[1].second.as<float>();
    const bool same = std::equal(pictures.begin(), pictures.begin() + photo.numel(), pictures.begin() + photo.numel());
    CHECK(same == (noise == TrainingNoise::fixed));

    // Whoever uses the model adds what it was trained with.
    const Parameters trained = trainer.model();
    CHECK(trained_noise(trained) == (same ? std::optional(recipe.seed) : std::nullopt));
    Anonymizer anonymizer(trained, {.device = Device::cpu(), .precision = Precision::strict});
    const auto recovered = [&](std::uint64_t seed) {
      return anonymizer
          .recover(photo, {.seed = seed,
                           .reveal =
                               [&](const Tensor&) {
                                 return Tensor::zeros({DType::f32, {1, 6}});
                               }})
          .image;
    };
    const Tensor one = recovered(1), other = recovered(2);
    CHECK(std::ranges::equal(one.as<float>(), other.as<float>()) == same);
  }
}

TEST_CASE("trainer: features of the photo that one stage hands to the next are those that it would compute") {
  const ModelConfig model = tests::tiny_config();
  const TrainingRecipe recipe = quick();
  const auto lpips_on = [&](Device device) {  // only the CPU hands them over
    TrainingOptions options = on_cpu();
    options.device = device;
    const StepReport r = Trainer(model, recipe, start_of(model, recipe), options).step({{"image", faces(4, 16, 0)}});
    const std::map<std::string, double> by_name(r.begin(), r.end());
    return std::array{by_name.at("anonymize/lpips"), by_name.at("recover/lpips")};
  };
  const auto cpu = lpips_on(Device::cpu()), loops = lpips_on(Device::reference());
  CHECK(cpu[0] == doctest::Approx(loops[0]).epsilon(1e-4));
  CHECK(cpu[1] == doctest::Approx(loops[1]).epsilon(1e-2));  // after a step whose signs rounding may turn
}

TEST_CASE("trainer: it learns") {
  const ModelConfig model = tests::tiny_config();
  TrainingRecipe recipe = quick();
  recipe.weights = {.diversity = 0,
                    .consistency = 0,
                    .identity = 0,
                    .recovered = 0,
                    .l1 = 1,
                    .lpips = 0,
                    .adversarial = 0,
                    .hiding = 1};
  Trainer trainer(model, recipe, start_of(model, recipe), on_cpu());
  double first = 0, last = 0;
  for (int i = 0; i < 40; ++i) {
    const StepReport report = trainer.step({{"image", faces(4, 16, 0)}});
    const double loss = std::map<std::string, double>(report.begin(), report.end()).at("anonymize/l1");
    if (i == 0) first = loss;
    last = loss;
  }
  CHECK(last < 0.8 * first);
  const Preview preview = trainer.preview({{"image", faces(4, 16, 0)}});
  CHECK(preview.pictures[1].second.shape() == Shape{4, 3, 16, 16});
  for (const auto& number : preview.numbers) CHECK_MESSAGE(std::isfinite(number.second), number.first);
}

TEST_CASE("trainer: what does not fit is refused") {
  const ModelConfig model = tests::tiny_config();
  TrainingRecipe recipe = quick();
  Parameters incomplete = start_of(model, recipe);
  incomplete.erase("generator/conv1.conv.weight");
  CHECK_THROWS_AS(Trainer(model, recipe, incomplete, on_cpu()), CheckpointError);
  Parameters other = start_of(model, recipe);
  other.set("adam/second/generator/conv1.conv.weight", Tensor::zeros({DType::f32, {1}}));
  CHECK_THROWS_AS(Trainer(model, recipe, other, on_cpu()), CheckpointError);
  Trainer trainer(model, recipe, start_of(model, recipe), on_cpu());
  CHECK_THROWS_AS(trainer.step({{"image", faces(3, 16, 0)}}), ShapeError);
  recipe.batch = 6;
  CHECK_THROWS_WITH_AS(Trainer(model, recipe, start_of(model, recipe), on_cpu()), doctest::Contains("multiple of 4"),
                       Error);
  CHECK_THROWS_WITH_AS(TrainingRecipe::preset("best"), doctest::Contains("use authors or g2face"), Error);
}

TEST_CASE("trainer: a loss that is not finite stops it") {
  const ModelConfig model = tests::tiny_config();
  const TrainingRecipe recipe = quick();
  Parameters start = start_of(model, recipe);
  start.at("style_mlp/style_low.0.weight").mutable_as<float>()[0] = NAN;
  Trainer trainer(model, recipe, start, on_cpu());
  CHECK_THROWS_WITH_AS(trainer.step({{"image", faces(4, 16, 0)}}), doctest::Contains("training step 1: anonymize/"),
                       Error);
  TrainingOptions options = on_cpu();
  options.check_finite = true;
  Trainer careful(model, recipe, start, options);
  CHECK_THROWS_WITH_AS(careful.step({{"image", faces(4, 16, 0)}}), doctest::Contains("not finite"), Error);
}

TEST_CASE("trainer: seeds of samples differ, and do not depend on the batch") {
  std::set<std::int64_t> seen;
  for (std::int64_t p = 0; p < 1000; ++p)
    for (const char* stage : {"anonymize", "recover"}) {
      const std::int64_t s = sample_seed(3, p, stage);
      CHECK(s >= 0);
      CHECK(s < std::int64_t{1} << 53);
      seen.insert(s);
    }
  CHECK(seen.size() == 2000);
  CHECK(sample_seed(3, 7, "recover") != sample_seed(4, 7, "recover"));
}
