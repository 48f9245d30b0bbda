#include "g2face/train/identity_trainer.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <map>

#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "models/tiny.hpp"

using namespace g2face;

namespace {

constexpr auto networks = std::to_array<std::string_view>({"arcface"});

ModelConfig tiny(IdentityNetwork kind, std::int64_t length = 6) {
  ModelConfig c = tests::tiny_config();
  c.identity_network = kind;
  c.identity_dim = length;
  c.arcface_width = 4;
  c.validate();
  return c;
}

IdentityRecipe quick() {
  IdentityRecipe r;
  r.batch = 8;
  r.schedule.warm_up = 0;
  r.rate = 0.01;
  r.margin = {.margin = 0.2, .scale = 8};
  return r;
}

TrainingOptions on_cpu(std::int64_t first_step = 0) {
  return {.device = Device::cpu(),
          .precision = Precision::strict,
          .threads = 1,  // too small for more
          .epoch_images = 40,
          .first_step = first_step};
}

/// Pictures of four people, each a pattern of its own with noise over it.
Batch people(std::int64_t n, std::int64_t number) {
  Batch batch = {{"image", Tensor({DType::f32, {n, 3, 16, 16}})}, {"label", Tensor({DType::i32, {n}})}};
  const Tensor noise = g2face::fill(str("noise ", number), Shape{n, 768}, 0.3);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    const auto who = static_cast<std::int32_t>(i % 4);
    batch.at("label").mutable_as<std::int32_t>()[i] = who;
    const Tensor pattern = g2face::fill(str("person ", who), Shape{3, 4, 4}, 0.7);
    for (std::size_t k = 0; k < 768; ++k) {
      const std::size_t c = k / 256, y = k / 16 % 16, x = k % 16;
      batch.at("image").mutable_as<float>()[768 * i + k] =
          pattern.as<float>()[16 * c + y / 4 * 4 + x / 4] + noise.as<float>()[768 * i + k];
    }
  }
  return batch;
}

Gallery gallery() {
  const Batch batch = people(24, 1000);
  Gallery g{batch.at("image"), {}, {}};
  for (std::int64_t i = 0; i < 24; ++i) {
    g.who.push_back(i % 4);
    g.number.push_back(i);
  }
  return g;
}

double number(const StepReport& report, std::string_view name) {
  for (const auto& [key, value] : report)
    if (key == name) return value;
  FAIL(name);
  return 0;
}

Parameters fresh(const ModelConfig& m) { return new_parameters(networks, m, Fill::random, 5); }

bool same(const Parameters& a, const Parameters& b) {
  bool equal = a.size() == b.size();
  for (const auto& [name, tensor] : a)
    equal = equal && b.contains(name) && std::memcmp(b.at(name).data(), tensor.data(), tensor.bytes()) == 0;
  return equal;
}

}  // namespace

TEST_CASE("identity trainer: both networks learn who is who, by labels, and leave a network alone") {
  for (const IdentityNetwork kind : {IdentityNetwork::mobilefacenet, IdentityNetwork::iresnet}) {
    const ModelConfig model = tiny(kind);
    IdentityTrainer trainer(model, quick(), 4, gallery(), fresh(model), on_cpu());
    const double before = trainer.preview({}).score;
    double first = 0, last = 0;
    for (int i = 0; i < 120; ++i) {  // after 60 it depends on how sums are rounded
      const StepReport report = trainer.step(people(8, i));
      last = number(report, "train/classes");
      if (i == 0) first = last;
    }
    CAPTURE(first);
    CHECK(last < 0.5 * first);
    const Preview after = trainer.preview({});
    CAPTURE(before);
    CHECK(number(after.numbers, "verified") > 0.9);  // 0.5: by chance
    CHECK(number(after.numbers, "cosine same person") > number(after.numbers, "cosine other people") + 0.3);
    CHECK(after.score == doctest::Approx(1 - number(after.numbers, "verified")));

    Parameters left = trainer.model();
    CHECK_NOTHROW(adopt_parameters(left, networks, model));
    CHECK(ModelConfig::of(left) == model);
    CHECK(left.size() == fresh(model).size());  // neither classes nor what the optimizer keeps
    const Parameters begun = fresh(model);
    for (const auto& entry : begun)
      CHECK_MESSAGE(std::memcmp(left.at(entry.first).data(), entry.second.data(), entry.second.bytes()) != 0,
                    entry.first);
  }
}

TEST_CASE("identity trainer: stopped and resumed is the same, bit for bit") {
  const ModelConfig model = tiny(IdentityNetwork::mobilefacenet);
  IdentityRecipe recipe = quick();
  recipe.weights.teacher = 0.5;
  recipe.ema = 0.9;
  const ModelConfig expert = tiny(IdentityNetwork::iresnet, 10);
  Parameters start = fresh(model);
  set_teacher(start, fresh(expert));
  IdentityTrainer whole(model, recipe, 4, gallery(), start, on_cpu());
  IdentityTrainer first(model, recipe, 4, gallery(), start, on_cpu());
  for (int i = 0; i < 4; ++i) whole.step(people(8, i));
  for (int i = 0; i < 2; ++i) first.step(people(8, i));
  IdentityTrainer second(model, recipe, 4, gallery(), first.state(), on_cpu(first.steps()));
  for (int i = 2; i < 4; ++i) second.step(people(8, i));
  CHECK(second.steps() == 4);
  CHECK(same(whole.state(), second.state()));
  CHECK(same(whole.model(), second.model()));
  CHECK(whole.state().contains("projection/weight"));
  CHECK(whole.state().at("classes/weight").shape() == Shape{4, 6});
  CHECK_THROWS_WITH_AS(IdentityTrainer(model, recipe, 5, gallery(), first.state(), on_cpu(2)),
                       "'classes/weight' is f32[4,6], expected f32[5,6], a row for each person", CheckpointError);
}

TEST_CASE("identity trainer: a teacher is imitated without labels, and is left as it was") {
  const ModelConfig model = tiny(IdentityNetwork::mobilefacenet);
  for (const std::int64_t length : {6, 10}) {  // as long as ours, and longer: through a projection
    const ModelConfig expert = tiny(IdentityNetwork::iresnet, length);
    IdentityRecipe recipe = quick();
    recipe.weights = {.classes = 0, .teacher = 1};
    recipe.decay = 0;
    Parameters start = fresh(model);
    const Parameters knows = fresh(expert);
    set_teacher(start, knows);
    Gallery unlabelled = gallery();
    unlabelled.who.clear();
    IdentityTrainer trainer(model, recipe, 0, unlabelled, start, on_cpu());
    const double before = number(trainer.preview({}).numbers, "cosine to teacher");
    for (int i = 0; i < 60; ++i) trainer.step({{"image", people(8, i).at("image")}});
    const Preview after = trainer.preview({});
    CAPTURE(before);
    CHECK(number(after.numbers, "cosine to teacher") > std::max(0.6, before));
    CHECK(after.numbers.size() == 1);
    CHECK(trainer.state().contains("projection/weight") == (length != 6));
    const Parameters state = trainer.state();
    for (const auto& entry : knows) {
      const Tensor& kept = state.at(str("teacher/", entry.first.substr(entry.first.find('/') + 1)));
      CHECK_MESSAGE(std::memcmp(kept.data(), entry.second.data(), entry.second.bytes()) == 0, entry.first);
    }
  }
}

TEST_CASE("identity trainer: refuses what has no meaning") {
  const ModelConfig model = tiny(IdentityNetwork::mobilefacenet);
  IdentityRecipe recipe = quick();
  CHECK_THROWS_WITH_AS(IdentityTrainer(model, recipe, 1, {}, fresh(model), on_cpu()),
                       "identity training: the loss has classes, but there are 1 people", Error);
  recipe.weights = {.classes = 0, .teacher = 1};
  CHECK_THROWS_AS(IdentityTrainer(model, recipe, 0, {}, fresh(model), on_cpu()), CheckpointError);
  recipe.weights = {.classes = 0, .teacher = 0};
  CHECK_THROWS_AS(IdentityTrainer(model, recipe, 0, {}, fresh(model), on_cpu()), Error);
  CHECK_THROWS_AS(verify_pairs({}, {1}), Error);
  Parameters start;
  CHECK_THROWS_AS(set_teacher(start, Parameters()), CheckpointError);
}

TEST_CASE("identity trainer: the best threshold") {
  const Verification v = verify_pairs({0.9, 0.8, 0.1}, {0.2, 0.0, -0.1, 0.85});
  CHECK(v.same == doctest::Approx(0.6));
  CHECK(v.other == doctest::Approx(0.2375));
  CHECK(v.verified == doctest::Approx(0.75));  // at 0.1: all three above, two of four below
  CHECK(verify_pairs({0.5}, {0.4}).verified == 1);
}

TEST_CASE("identity configuration: fields, presets and what is not known") {
  const IdentityConfig c = IdentityConfig::from_json(
      R"({"model": "g2face-slim-64", "architecture": {"arcface_depth": 50}, "weights": {"teacher": 2}, "margin": 0.3})",
      "identity.json");
  CHECK(c.model.identity_network == IdentityNetwork::iresnet);
  CHECK(c.model.arcface_depth == 50);
  CHECK(c.recipe.weights.classes == 1);
  CHECK(c.recipe.weights.teacher == 2);
  CHECK(c.recipe.margin.margin == 0.3);
  const IdentityConfig again = IdentityConfig::from_json(c.to_json(), "again");
  CHECK(again.to_json() == c.to_json());
  CHECK(again.recipe == c.recipe);
  CHECK(c.identity().find("checkpoint_every") == std::string::npos);
  for (const char* bad : {R"({"marign": 0.5})", R"({"margin": 2})", R"({"batch": 1})", R"({"model": "x"})",
                          R"({"weights": {"classes": 0}})", R"([])"})
    CHECK_THROWS_AS(IdentityConfig::from_json(bad, "identity.json"), Error);
}
