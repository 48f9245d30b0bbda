#include "g2face/train/prior.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "evaluate.hpp"
#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/prior.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/stages.hpp"
#include "g2face/train/trainer.hpp"
#include "models/tiny.hpp"

using namespace g2face;

namespace {

using Numbers = std::map<std::string, double>;

PriorRecipe quick() {
  PriorRecipe r = PriorRecipe::preset("prior-64");
  r.batch = 4;
  r.seed = 11;
  r.mapping_depth = 2;
  r.r1_interval = 2;
  r.path_length_interval = 2;
  r.ada.target = 0;
  return r;
}

Batch photos(std::int64_t n, std::int64_t batch_number) {
  return {{"image", g2face::fill(str("photos ", batch_number), Shape{n, 3, 16, 16}, 0.8)}};
}

Parameters fresh(const PriorRecipe& r) { return prior_start({}, tests::tiny_config(), r); }

TrainingOptions on_cpu(std::int64_t first_step = 0) {
  return {.device = Device::cpu(), .precision = Precision::strict, .epoch_images = 8, .first_step = first_step};
}

Numbers by_name(const StepReport& report) { return {report.begin(), report.end()}; }

bool same_bytes(const Parameters& a, const Parameters& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || b.at(name).type() != tensor.type() ||
        std::memcmp(b.at(name).data(), tensor.data(), tensor.bytes()) != 0)
      return false;
  return true;
}

}  // namespace

TEST_CASE("prior: its synthesis has the parameters of G2Face's generator that are_prior, of the same types") {
  for (const ModelConfig& model : {tests::tiny_config(), ModelConfig::preset("g2face-256")}) {
    std::map<std::string, Type> expected, declared;
    for (const Declared& d : declare("generator", model))
      if (is_prior(d.name)) expected.emplace(d.name, d.type);
    for (const Declared& d : declare("discriminator", model)) expected.emplace(d.name, d.type);
    for (const Declared& d : declare_prior(model, {}))
      if (d.name.starts_with("generator/") || d.name.starts_with("discriminator/")) declared.emplace(d.name, d.type);
    CHECK(declared == expected);
  }
}

TEST_CASE("prior: mapping is normalised linear layers; truncation goes to the mean") {
  const ModelConfig model = tests::tiny_config();
  tests::Experiment e;
  const Scope scope(e.graph, "mapping");
  const Value z = e.input("z", Shape{3, 8});
  const Value w = mapping(scope, z, 2, model), scaled = mapping(scope, 5 * z, 2, model);
  const Value at_mean = truncated_style(scope, w, 0, model), all = truncated_style(scope, w, 1, model),
              half = truncated_style(scope, w, 0.5, model);
  Parameters p = initial_parameters(scope.declared(), 3);
  p.set("mapping/w_avg", Tensor::full({DType::f32, {8}}, 2));
  const std::vector<Tensor> r = e.run(p, {w, scaled, at_mean + (w - w), all, 2 * half - w});
  CHECK(r[0].shape() == Shape{3, 8});
  CHECK(relative_error(r[1], r[0]) < 1e-6);
  for (const double v : r[2].as<double>()) CHECK(v == doctest::Approx(2));
  CHECK(relative_error(r[3], r[0]) < 1e-6);
  for (const double v : r[4].as<double>()) CHECK(v == doctest::Approx(2));
  CHECK_THROWS_AS(mapping(scope, e.input("short", Shape{3, 7}), 2, model), ShapeError);
}

TEST_CASE("prior: synthesis follows its styles and noise, the same on both devices") {
  const ModelConfig model = tests::tiny_config();
  tests::Experiment e;
  const Scope scope(e.graph, "generator");
  const Value styles = e.input("styles", Shape{2, 6, 8});
  Value seed = e.input("seed", Tensor::zeros({DType::i64, {1}}));
  const Value one = reshape(slice_axis(styles, 1, 2, 1), {2, 8});
  const std::vector<Value> outputs = {synthesis(scope, styles, {}, model),
                                      synthesis(scope, affine(styles, 1, 0.5), {}, model),
                                      synthesis(scope, styles, {.seed = seed}, model), synthesis(scope, one, {}, model),
                                      synthesis(scope, broadcast_to(reshape(one, {2, 1, 8}), {2, 6, 8}), {}, model)};
  Parameters p;
  for (const Declared& d : scope.declared()) p.set(d.name, reference_value(d));
  const std::vector<Tensor> slow = e.run(p, outputs), fast = e.run(p, outputs, Device::cpu());
  CHECK(slow[0].shape() == Shape{2, 3, 16, 16});
  for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(relative_error(fast[i], slow[i]) < 1e-5);
  CHECK(relative_error(slow[1], slow[0]) > 1e-3);
  CHECK(relative_error(slow[2], slow[0]) > 1e-4);
  CHECK(relative_error(slow[4], slow[3]) < 1e-6);
  CHECK_THROWS_AS(synthesis(scope, e.input("few", Shape{2, 5, 8}), {}, model), ShapeError);
}

TEST_CASE("prior: the length of paths, and its gradient") {
  // image = tanh(styles A): J is known, and the gradient of the penalty is compared with central differences.
  testing::Bench b;
  const Value styles = b.random({2, 3, 4}), a = b.random({12, 2 * 3 * 5}), directions = b.random({2, 2, 3, 5});
  const auto image_of_styles = [&](Value s) { return reshape(tanh(matmul(reshape(s, {2, 12}), a)), {2, 2, 3, 5}); };
  const Value image = image_of_styles(styles), lengths = path_lengths(image, styles, directions);
  REQUIRE(lengths.shape() == Shape{2});

  // By definition: a column of J for each style, by forward differences of the picture.
  constexpr double h = 1e-6;
  const Tensor at = b.feeds[0].second, towards = b.feeds[2].second;
  const auto run_at = [&](Value v, std::size_t i, double step) {
    testing::Feeds feeds = b.feeds;
    Tensor moved = at.clone();
    moved.mutable_as<double>()[i] += step;
    feeds[0].second = moved;
    return testing::evaluate(v, feeds);
  };
  std::array<double, 2> squares{};
  for (std::size_t i = 0; i < 24; ++i) {
    const Tensor up = run_at(image, i, h), down = run_at(image, i, -h);
    double product = 0;
    for (std::size_t k = 0; k < 60; ++k)
      product += (up.as<double>()[k] - down.as<double>()[k]) / (2 * h) * towards.as<double>()[k];
    squares[i / 12] += product * product / (3 * 5);
  }
  const Tensor found = b.run(lengths);
  for (std::size_t n = 0; n < 2; ++n)
    CHECK(found.as<double>()[n] == doctest::Approx(std::sqrt(squares[n] / 3)).epsilon(1e-6));

  const Value penalty = mean(square(lengths - 0.7));
  const Tensor slope = b.run(gradients(penalty, {styles})[0]);
  for (std::size_t i = 0; i < 24; i += 5) {
    const double difference = (run_at(penalty, i, h).item() - run_at(penalty, i, -h).item()) / (2 * h);
    CHECK(slope.as<double>()[i] == doctest::Approx(difference).epsilon(1e-5));
  }
}

TEST_CASE("prior: two steps, stop, two steps are four steps, augmented") {
  const ModelConfig model = tests::tiny_config();
  PriorRecipe recipe = quick();
  recipe.ada = {.target = 0.1, .length = 20, .every = 1, .p = 0.3};
  PriorTrainer whole(model, recipe, fresh(recipe), on_cpu()), first(model, recipe, fresh(recipe), on_cpu());
  std::vector<StepReport> reports;
  for (int i = 0; i < 4; ++i) reports.push_back(whole.step(photos(4, i)));
  for (std::size_t i = 0; i < 2; ++i) CHECK(first.step(photos(4, static_cast<std::int64_t>(i))) == reports[i]);
  PriorTrainer second(model, recipe, first.state(), on_cpu(first.steps()));
  for (std::size_t i = 2; i < 4; ++i) CHECK(second.step(photos(4, static_cast<std::int64_t>(i))) == reports[i]);
  CHECK(second.steps() == 4);
  CHECK(same_bytes(whole.state(), second.state()));
  CHECK(by_name(reports[0]).at("augment/p") != by_name(reports[3]).at("augment/p"));
}

TEST_CASE("prior: each part of a step trains what it should, when it should") {
  const ModelConfig model = tests::tiny_config();
  PriorRecipe recipe = quick();
  const auto step = [&](const PriorRecipe& r, int count) {
    PriorTrainer trainer(model, r, fresh(r), on_cpu());
    StepReport report;
    for (int i = 0; i < count; ++i) report = trainer.step(photos(4, i));
    return std::pair(trainer.state(), by_name(report));
  };
  const auto changed = [&](const Parameters& a, const Parameters& b) {
    std::set<std::string> networks;
    for (const auto& [name, tensor] : a) {
      const bool counts = !name.starts_with("adam/") && !name.starts_with("ema/");
      if (counts && std::memcmp(tensor.data(), b.at(name).data(), tensor.bytes()) != 0)
        networks.insert(name.substr(0, name.find('/')));
    }
    return networks;
  };
  using Names = std::set<std::string>;
  const auto [one, first_report] = step(recipe, 1);
  CHECK(changed(fresh(recipe), one) == Names{"discriminator", "generator", "mapping"});
  CHECK_FALSE(first_report.contains("r1/penalty"));
  CHECK_FALSE(first_report.contains("path length/penalty"));
  CHECK_FALSE(first_report.contains("augment/p"));

  const auto [two, second_report] = step(recipe, 2);
  CHECK(second_report.at("r1/penalty") > 0);
  CHECK(second_report.at("path length/length") > 0);
  CHECK(two.at("path_length/mean").item() ==
        doctest::Approx(recipe.path_length_decay * second_report.at("path length/length")));

  // Without weight, but with the same rates: what only one of the penalties has changed.
  PriorRecipe light = recipe;
  light.r1 = 1e-30;
  CHECK(changed(step(light, 2).first, two) == Names{"discriminator"});
  light = recipe;
  light.path_length = 1e-30;
  CHECK(changed(step(light, 2).first, two) == Names{"generator", "mapping"});

  PriorRecipe plain = recipe;
  plain.r1 = plain.path_length = plain.ema_images = 0;
  const auto [without, plain_report] = step(plain, 2);
  CHECK_FALSE(plain_report.contains("r1/penalty"));
  CHECK_FALSE(plain_report.contains("path length/penalty"));
  CHECK_FALSE(without.contains("ema/mapping/style.1.weight"));
  CHECK(two.contains("ema/mapping/style.1.weight"));
  CHECK_FALSE(two.contains("ema/discriminator/final_linear.0.weight"));
}

TEST_CASE("prior: a sample is what its seed says, in any batch") {
  // The first generator step does not yet differ between batches but for the samples in them: their mean style shows
  // it.
  const ModelConfig model = tests::tiny_config();
  PriorRecipe recipe = quick();
  recipe.rate = 0;
  recipe.w_decay = 0;
  PriorTrainer small(model, recipe, fresh(recipe), on_cpu());
  recipe.batch = 8;
  PriorTrainer large(model, recipe, fresh(recipe), on_cpu());
  small.step(photos(4, 0));
  const Tensor first = small.state().at("mapping/w_avg");
  small.step(photos(4, 1));
  const Tensor second = small.state().at("mapping/w_avg");
  large.step(photos(8, 0));
  const Tensor both = large.state().at("mapping/w_avg");
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(both.as<float>()[i] == doctest::Approx((first.as<float>()[i] + second.as<float>()[i]) / 2).epsilon(1e-4));
}

TEST_CASE("prior: it learns the one picture that there is") {
  const ModelConfig model = tests::tiny_config();
  PriorRecipe recipe = quick();
  recipe.r1_interval = 8;
  recipe.path_length_interval = 8;
  recipe.rate = 0.01;
  recipe.r1 = 1;
  recipe.ema_images = 40;
  const Tensor grey = Tensor::full({DType::f32, {4, 3, 16, 16}}, 0.6);
  PriorTrainer trainer(model, recipe, fresh(recipe), on_cpu());
  const auto distance = [&] {
    const Preview preview = trainer.preview({{"image", grey}});
    CHECK(preview.pictures.size() == 2);
    CHECK(preview.pictures[0].second.shape() == Shape{4, 3, 16, 16});
    double sum = 0;
    for (const float v : preview.pictures[1].second.as<float>()) sum += std::abs(v - 0.6);
    return sum / (4 * 3 * 256);
  };
  const double before = distance();
  for (int i = 0; i < 100; ++i) trainer.step({{"image", grey}});
  const double after = distance();
  INFO("from ", before, " to ", after);
  CHECK(after < 0.6 * before);
}

TEST_CASE("prior: G2Face is trained from it") {
  const ModelConfig model = tests::tiny_config();
  const PriorRecipe recipe = quick();
  PriorTrainer trainer(model, recipe, fresh(recipe), on_cpu());
  trainer.step(photos(4, 0));
  const Parameters prior = trainer.model();
  CHECK(prior.contains("mapping/w_avg"));
  CHECK_FALSE(prior.contains("path_length/mean"));
  CHECK(ModelConfig::of(prior) == model);

  TrainingRecipe next = TrainingRecipe::preset("g2face");
  next.batch = 4;
  next.schedule.warm_up = 0;
  Parameters start = new_parameters(Trainer::networks(next), model, Fill::random, 5);
  std::vector<std::string> old;
  for (const auto& [name, tensor] : start)
    if (name.starts_with("generator/") || name.starts_with("discriminator/")) old.push_back(name);
  for (const std::string& name : old) start.erase(name);
  for (const auto& [name, tensor] : prior) start.set(name, tensor);
  CHECK_THROWS_AS(Trainer(model, next, start, on_cpu()), CheckpointError);  // the parts that a prior has not
  extend_prior(start, model, 5);
  Trainer g2face(model, next, start, on_cpu());
  const Parameters begun = g2face.state();
  for (const char* name : {"generator/conv1.conv.weight", "discriminator/final_linear.0.weight"})
    CHECK(std::memcmp(begun.at(name).data(), prior.at(name).data(), prior.at(name).bytes()) == 0);
  CHECK(begun.at("ema/generator/conv1.conv.weight").type() == prior.at("generator/conv1.conv.weight").type());
  for (const auto& number : g2face.step(photos(4, 1))) CHECK_MESSAGE(std::isfinite(number.second), number.first);

  // And the other way: a prior goes on from G2Face's model, of which it takes what it knows.
  const Parameters back = prior_start(g2face.model(), model, recipe);
  CHECK(back.contains("mapping/style.1.weight"));
  CHECK_FALSE(back.contains("map_2_id/map_2_id.0.weight"));
  Parameters whole = start;
  extend_prior(whole, model, 6);  // nothing is missing now
  CHECK(same_bytes(whole, start));
}

TEST_CASE("prior: what does not fit is refused") {
  const ModelConfig model = tests::tiny_config();
  const PriorRecipe recipe = quick();
  Parameters incomplete = fresh(recipe);
  incomplete.erase("mapping/style.2.bias");
  CHECK_THROWS_WITH_AS(PriorTrainer(model, recipe, incomplete, on_cpu()), doctest::Contains("mapping/style.2.bias"),
                       CheckpointError);
  CHECK_THROWS_AS(prior_start(incomplete, model, recipe), CheckpointError);
  PriorTrainer trainer(model, recipe, fresh(recipe), on_cpu());
  CHECK_THROWS_AS(trainer.step(photos(3, 0)), ShapeError);
  CHECK_THROWS_AS(trainer.step({}), ShapeError);
  CHECK_THROWS_AS(trainer.preview({{"image", Tensor::zeros({DType::f32, {2, 3, 8, 8}})}}), ShapeError);
  Parameters bad = fresh(recipe);
  bad.at("generator/conv1.conv.weight").mutable_as<float>()[0] = NAN;
  PriorTrainer worthless(model, recipe, bad, on_cpu());
  CHECK_THROWS_WITH_AS(worthless.step(photos(4, 0)), doctest::Contains("training step 1: generate/adversarial"),
                       NotFiniteError);
}

TEST_CASE("prior: its configuration") {
  const PriorConfig c =
      PriorConfig::from_json(R"({"preset": "prior-64", "path_length": 0, "ada": {"p": 0.5}})", "file");
  CHECK(c.model == ModelConfig::preset("g2face-slim-64-mobile"));
  CHECK(c.recipe.path_length == 0);
  CHECK(c.recipe.ada.p == 0.5);
  CHECK(c.recipe.r1 == doctest::Approx(0.0512));
  CHECK(PriorConfig::from_json(c.to_json(), "again").to_json() == c.to_json());
  CHECK(c.identity().find("sample_every") == std::string::npos);
  CHECK(PriorConfig::from_json(R"({"preset": "prior-64", "model": "g2face-slim-128"})", "file").model.resolution ==
        128);

  struct Refusal {
    const char *json, *words;
  };
  for (const Refusal& r :
       std::initializer_list<Refusal>{{R"({"preset": "prior-65"})",
                                       "prior preset 'prior-65' is unknown; there are prior-64, prior-128, prior-256"},
                                      {R"({"pathlength": 1})", "did you mean path_length?"},
                                      {R"({"batch": 6})", "multiple of 4"},
                                      {R"({"path_length_shrink": 3})", "a divisor of the batch"},
                                      {R"({"mixing": 1.5})", "mixing is 1.5"},
                                      {R"({"ada": {"target": 2}})", "ada.target is 2"},
                                      {R"({"mapping_depth": 0})", "mapping_depth is 0"},
                                      {R"({"r1": -1})", "r1 is -1"}})
    CHECK_THROWS_WITH_AS(PriorConfig::from_json(r.json, "file"), doctest::Contains(r.words), Error);
}

TEST_CASE("prior: the ready configurations are of the models that are trained from them") {
  const auto read = [](const char* name) {
    std::ifstream file(str(G2FACE_CONFIGS, '/', name));
    REQUIRE_MESSAGE(file.good(), name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  for (const auto& [prior, model] : std::initializer_list<std::pair<const char*, const char*>>{
           {"prior64.json", "slim64.json"}, {"prior256.json", "g2face256.json"}}) {
    ModelConfig begins = PriorConfig::from_json(read(prior), prior).model;
    const ModelConfig goes_on = TrainingConfig::from_json(read(model), model).model;
    begins.mlp_lr_mul = goes_on.mlp_lr_mul;  // the prior's mapping network is its own
    CHECK(begins == goes_on);
  }
}
