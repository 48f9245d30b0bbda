#include "g2face/train/prior.hpp"

#include <array>
#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/prior.hpp"
#include "g2face/models/stylegan2.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/ada.hpp"
#include "g2face/train/engine.hpp"
#include "g2face/train/losses.hpp"
#include "g2face/train/stages.hpp"

namespace g2face {
namespace {

constexpr auto network_prefixes =
    std::to_array<std::string_view>({"generator/", "mapping/", "discriminator/", "path_length/"});

struct PriorNetworks {
  explicit PriorNetworks(Graph& graph)
      : generator(graph, "generator"),
        mapping(graph, "mapping"),
        discriminator(graph, "discriminator"),
        path_length(graph, "path_length") {}
  Scope generator, mapping, discriminator, path_length;

  std::vector<Update> updates() const {
    std::vector<Update> all = mapping.updates();
    all.insert(all.end(), path_length.updates().begin(), path_length.updates().end());
    return all;
  }
};

Value mean_path_length(const PriorNetworks& n) {
  return n.path_length.param("mean", Shape{}, init::as_buffer(init::zeros()));
}

/// The same networks, by what they declare.
struct DeclaredPrior {
  std::vector<Declared> generating, discriminator, path_length;
};
DeclaredPrior declared_networks(const ModelConfig& model, const PriorRecipe& recipe) {
  Graph g;
  const PriorNetworks n(g);
  const Value z = g.input({DType::f32, {1, model.style_dim}}, "z");
  const Value image = synthesis(
      n.generator, truncated_style(n.mapping, mapping(n.mapping, z, recipe.mapping_depth, model), 1, model), {}, model);
  discriminator(n.discriminator, image, model);
  mean_path_length(n);
  DeclaredPrior d{n.generator.declared(), n.discriminator.declared(), n.path_length.declared()};
  d.generating.insert(d.generating.end(), n.mapping.declared().begin(), n.mapping.declared().end());
  for (std::vector<Declared>* some : {&d.generating, &d.discriminator, &d.path_length})
    for (Declared& one : *some) one.value = {};
  return d;
}

void require_fit(const Parameters& parameters, const ModelConfig& model, const PriorRecipe& recipe) {
  std::map<std::string, Type, std::less<>> expected;
  for (const Declared& d : declare_prior(model, recipe)) expected.emplace(d.name, d.type);
  const std::string message = differences(parameters, expected);
  check<CheckpointError>(message.empty(), "parameters do not fit a prior of model '", model.name, "': ", message);
}

/// What a number of steps is in whole, of which every k-th is followed by one more.
std::int64_t with_extra(std::int64_t steps, bool has_extra, int k) { return has_extra ? steps + steps / k : steps; }

/// The share of the rate, and the power of the betas, where every k-th step is followed by one more.
double lazy_share(bool has_extra, int k) { return has_extra ? k / (k + 1.) : 1; }
AdamAttrs lazy(AdamAttrs adam, double share) {
  adam.beta1 = std::pow(adam.beta1, share);
  adam.beta2 = std::pow(adam.beta2, share);
  return adam;
}

RateInputs rates(std::string_view) { return {"step", "rate"}; }

/// How far each picture is from the next one.
Value spread(Value images) {
  const std::int64_t n = images.shape()[0];
  std::vector<std::int64_t> next;
  for (std::int64_t i = 0; i < n; ++i) next.push_back((i + 1) % n);
  return mean(abs(images - gather(images, 0, std::move(next))));
}

}  // namespace

Value path_lengths(Value image, Value styles, Value directions) {
  const Shape& s = image.shape();
  const double scale = 1 / std::sqrt(static_cast<double>(s[2] * s[3]));
  const Value slope = gradients(image, {styles}, scale * directions)[0];
  return sqrt(mean(sum(square(slope), {.axes = {2}}), {.axes = {1}}));
}

std::vector<Declared> declare_prior(const ModelConfig& model, const PriorRecipe& recipe) {
  DeclaredPrior d = declared_networks(model, recipe);
  std::vector<Declared> all = std::move(d.generating);
  all.insert(all.end(), d.discriminator.begin(), d.discriminator.end());
  all.insert(all.end(), d.path_length.begin(), d.path_length.end());
  return all;
}

Parameters prior_start(const Parameters& given, const ModelConfig& model, const PriorRecipe& recipe) {
  const std::vector<Declared> declared = declare_prior(model, recipe);
  const Parameters fresh = initial_parameters(declared, recipe.seed);
  Parameters start;
  for (const std::string_view prefix : network_prefixes) {
    bool is_given = false;
    for (const auto& [name, tensor] : given) {
      if (!name.starts_with(prefix) || (prefix == "generator/" && !is_prior(name))) continue;
      start.set(name, tensor);
      is_given = true;
    }
    for (const auto& [name, tensor] : fresh)
      if (!is_given && name.starts_with(prefix)) start.set(name, tensor);
  }
  require_fit(start, model, recipe);
  return start;
}

void extend_prior(Parameters& given, const ModelConfig& model, std::uint64_t seed) {
  bool has_prior = false;
  for (const auto& [name, tensor] : given) {
    if (!name.starts_with("generator/")) continue;
    if (!is_prior(name)) return;
    has_prior = true;
  }
  if (!has_prior) return;
  constexpr std::string_view generator = "generator";
  const Parameters fresh = new_parameters(std::span(&generator, 1), model, Fill::random, seed);
  for (const auto& [name, tensor] : fresh)
    if (!is_prior(name)) given.set(name, tensor);
}

struct PriorTrainer::State {
  ModelConfig model;
  PriorRecipe recipe;
  TrainingOptions options;
  Share share;  // of a batch
  std::int64_t taken;
  AdaptiveAugment ada;
  std::unique_ptr<TrainingEngine> engine;

  State(ModelConfig m, const PriorRecipe& r, const Parameters& start, const TrainingOptions& o)
      : model(std::move(m)), recipe(r), options(o), taken(o.first_step), ada(r.ada, r.seed, start, o.ranks) {
    recipe.validate();
    share = share_of(recipe.batch, options.ranks);
    check<Error>(!has_paths() || paths_of_step() % ranks_of(options.ranks) == 0,
                 "prior training: steps of path length are of ", paths_of_step(), " pictures, which ",
                 ranks_of(options.ranks), " ranks cannot share equally: change \"path_length_shrink\"");
    model.validate();
    Parameters networks, kept;
    for (const auto& [name, tensor] : start) {
      if (name.starts_with("ada/")) continue;
      kept.set(name, tensor);
      if (!name.starts_with("adam/") && !name.starts_with("ema/")) networks.set(name, tensor);
    }
    require_fit(networks, model, recipe);
    const DeclaredPrior d = declared_networks(model, recipe);
    const std::vector<TrainedNetwork> trained = {{d.generating, true}, {d.discriminator, false}};
    engine = std::make_unique<TrainingEngine>(std::move(kept), trained,
                                              EngineOptions{.run = options, .adam = recipe.adam, .ema = recipe.ema()});
  }

  bool has_paths() const { return recipe.path_length > 0; }
  std::int64_t paths_of_step() const { return recipe.batch / recipe.path_length_shrink; }
  bool has_r1() const { return recipe.r1 > 0; }
  double generator_share() const { return lazy_share(has_paths(), recipe.path_length_interval); }
  double discriminator_share() const { return lazy_share(has_r1(), recipe.r1_interval); }
  Type images_type(std::int64_t n) const { return {DType::f32, {n, 3, model.resolution, model.resolution}}; }

  // ---- jobs ----

  static Value seeds(TrainingJob& j, std::int64_t n) { return j.input("seeds", {DType::i64, {n}}); }
  Value styles_of(const PriorNetworks& n, Value seed, std::string_view stream) const {
    const Shape z{seed.shape()[0], model.style_dim};
    return mapping(n.mapping, random_normal(seed, {z, random_stream(stream)}), recipe.mapping_depth, model);
  }

  struct Pictures {
    Value w;       // [N,style_dim]
    Value styles;  // [N,style_count,style_dim], mixed
    Value image;
  };
  Pictures pictures(TrainingJob& j, const PriorNetworks& n, std::int64_t count) const {
    const std::int64_t layers = model.style_count();
    const Value seed = seeds(j, count), later = j.input("mixing", {DType::f32, {count, layers, 1}});
    Pictures p;
    p.w = styles_of(n, seed, "z");
    const Shape one{count, 1, model.style_dim};
    const Value w = reshape(p.w, one), other = reshape(styles_of(n, seed, "mixed z"), one);
    p.styles = w + later * (other - w);
    p.image = synthesis(n.generator, p.styles, {.seed = seed}, model);
    return p;
  }

  /// Logits of images, augmented.
  Value judged(TrainingJob& j, const PriorNetworks& n, const std::string& place, Value images) const {
    return discriminator(n.discriminator, ada.augment(j, place, images), model);
  }

  void build_generate(TrainingJob& j) const {
    const PriorNetworks n(j.graph);
    const Pictures p = pictures(j, n, share.count);
    const Value loss = generator_loss(judged(j, n, "generated", p.image));
    track_mean_style(n.mapping, p.w, recipe.w_decay, model);
    engine->minimize(j, loss, {&n.generator, &n.mapping}, rates, lazy(recipe.adam, generator_share()));
    engine->average(j, {&n.generator, &n.mapping});
    for (const Update& u : n.updates()) j.updates.push_back(u);
    j.report = {{"adversarial", loss}};
    j.outputs = {{"fake", p.image}};
  }

  void build_paths(TrainingJob& j) const {
    const PriorNetworks n(j.graph);
    const std::int64_t count = share_of(paths_of_step(), options.ranks).count;
    const Pictures p = pictures(j, n, count);
    const Value directions = random_normal(seeds(j, count), {p.image.shape(), random_stream("directions")});
    const Value length = path_lengths(p.image, p.styles, directions);
    const Value before = mean_path_length(n),
                now = before + recipe.path_length_decay * (mean_over_ranks(mean(length)) - before);
    n.path_length.update(before, now);
    const Value penalty = mean(square(length - now));
    engine->minimize(j, recipe.path_length * recipe.path_length_interval * penalty, {&n.generator, &n.mapping}, rates,
                     lazy(recipe.adam, generator_share()));
    for (const Update& u : n.updates()) j.updates.push_back(u);
    j.report = {{"penalty", penalty}, {"length", mean(length)}};
  }

  void build_discriminate(TrainingJob& j) const {
    const PriorNetworks n(j.graph);
    const Type type = images_type(share.count);
    const Value real = judged(j, n, "real", j.input("image", type)), fake = judged(j, n, "fake", j.input("fake", type));
    const Value real_loss = mean(softplus(-real)), fake_loss = mean(softplus(fake));
    engine->minimize(j, real_loss + fake_loss, {&n.discriminator}, rates, lazy(recipe.adam, discriminator_share()));
    j.report = {{"real", real_loss}, {"fake", fake_loss}, {"real logit", mean(real)}, {"fake logit", mean(fake)}};
    j.outputs = {{"real logits", real}};
  }

  void build_r1(TrainingJob& j) const {
    const PriorNetworks n(j.graph);
    const Value image = j.input("image", images_type(share.count));
    const Value penalty = r1_penalty(judged(j, n, "r1", image), image);
    engine->minimize(j, 0.5 * recipe.r1 * recipe.r1_interval * penalty, {&n.discriminator}, rates,
                     lazy(recipe.adam, discriminator_share()));
    j.report = {{"penalty", penalty}};
  }

  // ---- a step ----

  /// [count,style_count,1]: 1 where a layer has the styles of the other z.
  Tensor mixing(std::int64_t first, std::int64_t count, std::string_view stage) const {
    const std::int64_t layers = model.style_count();
    Tensor t = Tensor::zeros({DType::f32, {count, layers, 1}});
    for (std::int64_t i = 0; i < count; ++i) {
      const auto seed = static_cast<std::uint64_t>(sample_seed(recipe.seed, first + i, stage));
      const std::array<double, 4> u = random_uniform_block(seed, random_stream("mixing"), 0);
      if (u[0] >= recipe.mixing) continue;
      const auto from = 1 + static_cast<std::int64_t>(u[1] * static_cast<double>(layers - 1));
      for (std::int64_t layer = from; layer < layers; ++layer)
        t.mutable_as<float>()[static_cast<std::size_t>(i * layers + layer)] = 1;
    }
    return t;
  }

  StepReport step(const Tensor& images) {
    const Type type = images_type(share.count);
    check<ShapeError>(images.type() == type, "training: images are ", images.type().str(), ", expected ", type.str());
    const std::int64_t number = taken + 1;
    Batch inputs = {{"image", images}};
    StepReport report;
    const auto run = [&](std::string_view stage, void (State::*build)(TrainingJob&) const) {
      TrainingJob& job = engine->job(std::string(stage), [&](TrainingJob& j) { (this->*build)(j); });
      inputs.merge(engine->run(job, inputs));
      engine->add_report(stage, job, number, report);
    };
    const auto augment = [&](const std::string& place) {
      ada.draw(place, taken * recipe.batch, {recipe.batch, model.resolution, model.resolution}, inputs);
    };
    const auto draw = [&](std::string_view stage, std::int64_t of_all) {
      const Share own = share_of(of_all, options.ranks);
      const std::int64_t first = taken * of_all + own.first;
      inputs["seeds"] = sample_seeds(recipe.seed, first, own.count, stage);
      inputs["mixing"] = mixing(first, own.count, stage);
    };

    const int paths = recipe.path_length_interval, r1 = recipe.r1_interval;
    inputs["rate"] = real_number(recipe.rate * generator_share());
    inputs["step"] = whole_number(with_extra(taken, has_paths(), paths) + 1);
    draw("generate", recipe.batch);
    augment("generated");
    run("generate", &State::build_generate);
    if (has_paths() && number % paths == 0) {
      inputs["step"] = whole_number(with_extra(number, true, paths));
      draw("path length", paths_of_step());
      run("path length", &State::build_paths);
    }
    inputs["rate"] = real_number(recipe.rate * discriminator_share());
    inputs["step"] = whole_number(with_extra(taken, has_r1(), r1) + 1);
    augment("real");
    augment("fake");
    run("discriminate", &State::build_discriminate);
    if (has_r1() && number % r1 == 0) {
      inputs["step"] = whole_number(with_extra(number, true, r1));
      augment("r1");
      run("r1", &State::build_r1);
    }
    ada.tune(inputs.at("real logits"));
    ada.report(report);
    ++taken;
    return report;
  }

  Preview preview(const Tensor& images) const;
};

Preview PriorTrainer::State::preview(const Tensor& images) const {
  const std::int64_t n = images.shape().rank() == 4 ? images.shape()[0] : 0;
  check<ShapeError>(n > 0 && images.type() == images_type(n), "training preview: images are ", images.type().str(),
                    ", expected ", images_type(n).str());
  const Parameters used = engine->averaged();
  TrainingJob j;
  const PriorNetworks networks(j.graph);
  const Value photos = j.input("image", images.type()), seed = seeds(j, n), w = styles_of(networks, seed, "z");
  const auto sample = [&](double psi) {
    return synthesis(networks.generator, truncated_style(networks.mapping, w, psi, model), {.seed = seed}, model);
  };
  const auto logit = [&](Value x) {  // of as many as the minibatch statistic takes
    const std::int64_t judged = n <= 4 ? n : n / 4 * 4;
    return mean(discriminator(networks.discriminator, slice_axis(x, 0, 0, judged), model));
  };
  const Value usual = sample(0.7), samples = sample(1);
  const std::vector<std::pair<std::string, Value>> numbers = {{"logit of photos", logit(photos)},
                                                              {"logit of samples", logit(samples)},
                                                              {"spread of photos", spread(photos)},
                                                              {"spread of samples", spread(samples)}};
  std::vector<Value> outputs = {usual, samples};
  for (const auto& [name, value] : numbers) outputs.push_back(value);
  Executor executor(
      plan(j.graph, outputs, {.device = options.device, .precision = options.precision, .threads = options.threads}),
      &used);
  executor.set(photos, images);
  executor.set(seed, sample_seeds(recipe.seed, 0, n, "preview"));
  executor.run();
  Preview result{
      {{"truncation 0.7", executor.get(usual).to(DType::f32)}, {"truncation 1", executor.get(samples).to(DType::f32)}},
      {},
      0};
  for (const auto& [name, value] : numbers) result.numbers.emplace_back(name, executor.get(value).item());
  result.score = std::abs(result.numbers[0].second - result.numbers[1].second);
  return result;
}

PriorTrainer::PriorTrainer(const ModelConfig& model, const PriorRecipe& recipe, const Parameters& start,
                           const TrainingOptions& options)
    : state_(std::make_unique<State>(model, recipe, start, options)) {}
PriorTrainer::~PriorTrainer() = default;

StepReport PriorTrainer::step(const Batch& batch) { return state_->step(image_of(batch)); }
std::int64_t PriorTrainer::steps() const { return state_->taken; }
Preview PriorTrainer::preview(const Batch& batch) { return state_->preview(image_of(batch)); }
Parameters PriorTrainer::model() const {
  Parameters used = state_->engine->averaged();
  used.erase("path_length/mean");
  state_->model.store(used);
  return used;
}
Parameters PriorTrainer::state() const {
  Parameters all = state_->engine->state();
  state_->ada.store(all);
  state_->model.store(all);
  return all;
}

}  // namespace g2face
