#include "g2face/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "g2face/models/extractor.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/identity_network.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/trained_noise.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/ada.hpp"
#include "train/draws.hpp"

namespace g2face {
namespace {

/// Signs of normal numbers are fair coins.
Value random_bits(PayloadBits kind, Value seeds, std::int64_t n, const ModelConfig& c) {
  const std::uint64_t stream = random_stream("bits");
  if (kind == PayloadBits::floats) return float_to_bits(random_normal(seeds, {{n, c.bit_rows()}, stream}));
  return greater(random_normal(seeds, {{n, c.bit_rows(), 32}, stream}), seeds.graph->constant(Tensor::scalar(0)));
}

/// Decibels, of pictures whose values span 2; the mean over pictures.
Value mean_psnr(Value a, Value b) {
  const double db = 10 / std::log(10.);
  return mean(affine(log(mean(square(a - b), {.axes = {1, 2, 3}}) + 1e-12), -db, db * std::log(4.)));
}

bool is_generating(std::string_view network) {
  return network == "generator" || network == "style_mlp" || network == "map_2_id" || network == "hiding_extractor";
}

/// What `start` has for a training: parameters of its networks and of the face model, and what it kept before.
Parameters only_known(const Parameters& all, std::span<const std::string_view> networks) {
  Parameters kept;
  for (const auto& [name, tensor] : all) {
    const std::string_view owner = std::string_view(name).substr(0, name.find('/'));
    const bool known = std::find(networks.begin(), networks.end(), owner) != networks.end() || owner == "adam" ||
                       owner == "ema" || owner == "face_model";
    if (known) kept.set(name, tensor);
  }
  return kept;
}

}  // namespace

struct Trainer::State {
  static constexpr std::string_view swap_stream = "identity swap";

  ModelConfig model;
  TrainingRecipe recipe;
  TrainingOptions options;
  FaceModel mesh;
  Share share;  // of a batch
  std::int64_t taken;
  AdaptiveAugment ada;
  std::unique_ptr<TrainingEngine> engine;

  State(const ModelConfig& m, const TrainingRecipe& r, Parameters start, const TrainingOptions& o)
      : model(m), recipe(r), options(o), taken(o.first_step), ada(r.ada, r.seed, start, o.ranks) {
    recipe.validate();
    share = share_of(recipe.batch, options.ranks);
    check<Error>(options.epoch_images > 0, "training: an epoch has ", options.epoch_images,
                 " images, expected a positive number");
    const std::vector<std::string_view> needed = networks(recipe);
    adopt_parameters(start, needed, model);
    if (start.contains("face_model/mean_shape")) mesh = FaceModel::of(start);
    std::vector<TrainedNetwork> trained;
    for (const std::string_view network : needed)
      if (is_generating(network) || network == "discriminator")
        trained.push_back({declare(network, model), is_generating(network)});
    engine = std::make_unique<TrainingEngine>(
        only_known(start, needed), trained,
        EngineOptions{.run = options, .adam = recipe.adam, .ema = recipe.ema, .loss_scale = recipe.loss_scale});
  }

  /// Map2ID is left alone when recovering, and its count of steps with it.
  static RateInputs rates(std::string_view parameter) {
    return {parameter.starts_with("map_2_id/") ? "iteration" : "step", is_prior(parameter) ? "prior rate" : "rate"};
  }

  // ---- jobs ----

  Type images_type(std::int64_t n) const { return {DType::f32, {n, 3, model.resolution, model.resolution}}; }
  Type identity_type(std::int64_t n) const { return {DType::f32, {n, model.identity_dim}}; }
  static Type coefficients_type(std::int64_t n) { return {DType::f32, {n, ModelConfig::coefficient_count}}; }
  Type bits_type(std::int64_t n) const { return {DType::f32, {n, model.bit_rows(), 32}}; }

  static void report_losses(TrainingJob& j, const GeneratedFace& face) {
    for (const LossTerm& t : face.losses) j.report.emplace_back(t.name, t.value);
    j.report.emplace_back("total", face.loss);
  }

  std::optional<std::uint64_t> fixed_noise() const {
    return recipe.noise == TrainingNoise::fixed ? std::optional(recipe.seed) : std::nullopt;
  }
  GeneratorNoise noise(Value seeds_of_pictures) const {
    if (!fixed_noise()) return {.seed = seeds_of_pictures};
    Tensor all(seeds_of_pictures.type());
    std::ranges::fill(all.mutable_as<std::int64_t>(), static_cast<std::int64_t>(recipe.seed));
    return {.seed = seeds_of_pictures.graph->constant(all)};
  }

  double wrong_key_share(std::int64_t step) const {
    const auto& [begin, end] = recipe.wrong_key_ramp;
    if (step >= end) return 1;
    return static_cast<double>(std::max(step - begin, std::int64_t{0})) / static_cast<double>(end - begin);
  }

  /// For the samples whose identity is swapped that of their photo, for the others zeros, which are like nothing.
  Value hidden(Value identity, Value seeds_of_pictures) const {
    if (recipe.identity_swap == 0) return {};
    return some(recipe.identity_swap, seeds_of_pictures, swap_stream, identity, identity * 0);
  }

  /// For a share of the samples somebody else's: that of the next photo of the whole batch.
  Value swapped(Value identity, Value seeds_of_pictures) const {
    if (recipe.identity_swap == 0) return identity;
    return some(recipe.identity_swap, seeds_of_pictures, swap_stream, next_one(identity), identity);
  }

  Value next_one(Value identity) const {
    const Value all = all_gather(identity);
    std::vector<std::int64_t> next;
    for (std::int64_t i = 0; i < recipe.batch; ++i) next.push_back((i + 1) % recipe.batch);
    const Value others = gather(reshape(all, identity_type(recipe.batch).shape), 0, next);
    return own_part(reshape(others, all.shape()));
  }

  static std::string feature_name(std::size_t depth) { return str("features at depth ", depth); }

  static Value seeds(TrainingJob& j, std::int64_t n) { return j.input("seeds", {DType::i64, {n}}); }

  void build_anonymize(TrainingJob& j) const {
    const std::int64_t n = share.count;
    const TrainingNetworks networks(j.graph, model, mesh);
    const Value seed = seeds(j, n), bits = random_bits(recipe.bits, seed, n, model);
    const AnonymizeStage stage = anonymize_stage(
        networks,
        {.image = j.input("image", images_type(n)),
         .z = random_normal(seed, {identity_type(n).shape, random_stream("virtual identity")}),
         .bits = bits,
         .noise = noise(seed),
         .channel = [&](Value x) { return channel(x, seed, recipe.channel); },
         .augment = [&](Value x) { return ada.augment(j, "anonymized", x); },
         .shown =
             [&](Value virtual_identity, Value identity) {
               if (recipe.real_identities == 0) return virtual_identity;
               return some(recipe.real_identities, seed, "real identity", next_one(identity), virtual_identity);
             }},
        recipe.weights);
    engine->minimize(j, stage.generated.loss,
                     {&networks.generator, &networks.style_mlp, &networks.map_2_id, &networks.hiding_extractor}, rates);
    engine->average(j, {&networks.map_2_id});
    for (const Update& u : networks.updates()) j.updates.push_back(u);
    const Value read = greater(stage.generated.logits, j.graph.constant(Tensor::scalar(0)));
    report_losses(j, stage.generated);
    j.report.emplace_back("bits wrong", mean(abs(read - bits)));
    j.outputs = {{"anonymized", stage.generated.image},
                 {"identity", stage.identity},
                 {"coefficients", stage.coefficients},
                 {"coefficients of anonymized", stage.generated.coefficients},
                 {"bits", read}};
    // Elsewhere they would travel through the host, which takes longer than to compute them again.
    if (options.device.kind == Device::Kind::cpu)
      for (std::size_t k = 0; k < stage.features.size(); ++k) j.outputs[feature_name(k)] = stage.features[k];
  }

  void build_recover(TrainingJob& j, const Batch& known) const {
    const std::int64_t n = share.count;
    const TrainingNetworks networks(j.graph, model, mesh);
    const Value seed = seeds(j, n), own = j.input("identity", identity_type(n)), identity = swapped(own, seed);
    const Value bits = recipe.recover_bits == RecoverBits::fresh ? random_bits(recipe.bits, seed, n, model)
                                                                 : j.input("bits", bits_type(n));
    std::vector<Value> features;
    for (auto found = known.find(feature_name(0)); found != known.end();
         found = known.find(feature_name(features.size())))
      features.push_back(j.input(found->first, found->second.type()));
    const GeneratedFace face = recover_stage(
        networks,
        {.image = j.input("image", images_type(n)),
         .original_identity = identity,
         .original_coefficients = mesh.vertices > 0 ? j.input("coefficients", coefficients_type(n)) : Value{},
         .anonymized = j.input("anonymized", images_type(n)),
         .identity = identity,
         .coefficients = j.input("coefficients of anonymized", coefficients_type(n)),
         .bits = bits,
         .noise = noise(seed),
         .channel = [&](Value x) { return channel(x, seed, recipe.channel); },
         .augment = [&](Value x) { return ada.augment(j, "recovered", x); },
         .hidden_identity = hidden(own, seed),
         .hidden_share = recipe.wrong_key_ramp[1] > 0 ? j.input("wrong key share", {DType::f32, {1}}) : Value{},
         .features = features},
        recipe.weights);
    engine->minimize(j, face.loss, {&networks.generator, &networks.style_mlp, &networks.hiding_extractor}, rates);
    engine->average(j, {&networks.generator, &networks.style_mlp, &networks.hiding_extractor});
    for (const Update& u : networks.updates()) j.updates.push_back(u);
    report_losses(j, face);
    j.outputs = {{"recovered", face.image}};
  }

  void build_discriminate(TrainingJob& j, bool with_r1) const {
    const Type type = images_type(share.count);
    // The gradient that R1 squares is not that of a scaled loss.
    if (with_r1 && j.precision == Precision::f16) j.precision = Precision::tf32;
    const TrainingNetworks networks(j.graph, model, mesh);
    const Value real = ada.augment(j, "real", j.input("image", type));
    const Value fake = ada.augment(j, "fake", j.input("fake", type));
    const DiscriminateStage stage = discriminate_stage(networks, real, fake, with_r1, recipe.weights);
    engine->minimize(j, stage.loss, {&networks.discriminator}, rates);
    j.report = {{"real", stage.real_loss}, {"fake", stage.fake_loss}};
    if (with_r1) j.report.emplace_back("r1", recipe.weights.r1 * stage.r1);
    j.outputs = {{"real logits", stage.real_logits}};
  }

  // ---- a step ----

  StepReport step(const Tensor& images) {
    const Type type = images_type(share.count);
    check<ShapeError>(images.type() == type, "training: images are ", images.type().str(), ", expected ", type.str());
    const std::int64_t number_of_step = taken + 1, first = taken * recipe.batch;
    const auto epoch = static_cast<int>(first / options.epoch_images) + 1;
    const double factor = recipe.schedule.factor(epoch);
    const std::int64_t in_epoch = (first % options.epoch_images) / recipe.batch;
    const auto seeds_of = [&](std::string_view stage) {
      return sample_seeds(recipe.seed, first + share.first, share.count, stage);
    };
    Batch inputs = {{"image", images},
                    {"rate", real_number(recipe.rate * factor)},
                    {"prior rate", real_number(recipe.prior_rate * factor)},
                    {"iteration", whole_number(number_of_step)},
                    {"wrong key share", real_number(wrong_key_share(number_of_step))},
                    {"step", whole_number(2 * number_of_step - 1)},
                    {"seeds", seeds_of("anonymize")}};
    for (const char* place : {"anonymized", "recovered", "real", "fake"})
      ada.draw(place, first, {recipe.batch, model.resolution, model.resolution}, inputs);
    StepReport report;
    TrainingJob& anonymize = engine->job("anonymize", [&](TrainingJob& j) { build_anonymize(j); });
    inputs.merge(engine->run(anonymize, inputs));
    engine->add_report("anonymize", anonymize, number_of_step, report);

    inputs["seeds"] = seeds_of("recover");
    inputs["step"] = whole_number(2 * number_of_step);
    TrainingJob& recover = engine->job("recover", [&](TrainingJob& j) { build_recover(j, inputs); });
    inputs.merge(engine->run(recover, inputs));
    engine->add_report("recover", recover, number_of_step, report);

    if (recipe.weights.adversarial > 0) {
      const bool recovered =
          recipe.fake == FakeImages::recovered || (recipe.fake == FakeImages::alternate && in_epoch % 2 == 0);
      const bool with_r1 = recipe.weights.r1 > 0 && number_of_step % recipe.r1_interval == 0;
      inputs["fake"] = inputs.at(recovered ? "recovered" : "anonymized");
      inputs["rate"] = real_number(recipe.discriminator_rate);
      inputs["step"] = whole_number(number_of_step);
      TrainingJob& discriminate =
          with_r1 ? engine->job("discriminate_r1", [&](TrainingJob& j) { build_discriminate(j, true); })
                  : engine->job("discriminate", [&](TrainingJob& j) { build_discriminate(j, false); });
      const Batch seen = engine->run(discriminate, inputs);
      engine->add_report("discriminate", discriminate, number_of_step, report);
      ada.tune(seen.at("real logits"));
      ada.report(report);
    }
    report.emplace_back("rate", recipe.rate * factor);
    ++taken;
    return report;
  }

  // ---- previews ----

  Preview preview(const Tensor& images) const;
};

Preview Trainer::State::preview(const Tensor& images) const {
  const std::int64_t n = images.shape().rank() == 4 ? images.shape()[0] : 0;
  check<ShapeError>(n > 0 && images.type() == images_type(n), "training preview: images are ", images.type().str(),
                    ", expected ", images_type(n).str());
  const Parameters used = engine->averaged();
  TrainingJob j;
  Graph& g = j.graph;
  const Value image = j.input("image", images_type(n)), seed = j.input("seeds", {DType::i64, {n}});
  const Scope arcface_scope(g, "arcface"), recon_scope(g, "recon"), generator_scope(g, "generator"),
      mlp(g, "style_mlp");
  const auto see = [&](Value x) { return identity_network(arcface_scope, x, model); };
  const auto generate = [&](Value x, Value identity, Value bits) {
    const Value geometry = select_geometry(recon(recon_scope, affine(x, 0.5, 0.5), model));
    return round_to_bytes(
        generator(generator_scope, x, style_mlp(mlp, identity, geometry, model), bits, noise(seed), model));
  };
  const Value identity = see(image), bits = random_bits(recipe.bits, seed, n, model);
  const Value z = random_normal(seed, {identity_type(n).shape, random_stream("virtual identity")});
  const Value anonymized = generate(image, map_2_id(Scope(g, "map_2_id"), z, model), bits);
  const Value logits = hiding_extractor(Scope(g, "hiding_extractor"), anonymized, model);
  const Value read = greater(logits, g.constant(Tensor::scalar(0)));
  const Value recovered = generate(anonymized, identity, read);
  std::vector<std::int64_t> next;  // somebody else's identity: that of the next image, or with one image, noise
  for (std::int64_t i = 0; i < n; ++i) next.push_back((i + 1) % n);
  const Value other = n > 1 ? gather(identity, 0, next) : z;
  const Value wrong_key = generate(anonymized, other, read);
  const auto likeness = [&](Value x) { return mean(cosine(identity, see(x))); };
  const std::vector<std::pair<std::string, Value>> numbers = {{"bits wrong", mean(abs(read - bits))},
                                                              {"cosine original-anonymized", likeness(anonymized)},
                                                              {"cosine original-recovered", likeness(recovered)},
                                                              {"cosine original-wrong key", likeness(wrong_key)},
                                                              {"cosine original-other", mean(cosine(identity, other))},
                                                              {"psnr recovered", mean_psnr(image, recovered)}};
  std::vector<Value> outputs = {anonymized, recovered, wrong_key};
  for (const auto& [name, value] : numbers) outputs.push_back(value);
  Executor executor(
      plan(g, outputs, {.device = options.device, .precision = options.precision, .threads = options.threads}), &used);
  executor.set(image, images);
  executor.set(seed, sample_seeds(recipe.seed, 0, n, "preview"));
  executor.run();
  const auto picture = [&](Value v) { return executor.get(v).to(DType::f32); };
  Preview result{{{"original", images},
                  {"anonymized", picture(anonymized)},
                  {"recovered", picture(recovered)},
                  {"wrong key", picture(wrong_key)}},
                 {},
                 0};
  for (const auto& [name, value] : numbers) result.numbers.emplace_back(name, executor.get(value).item());
  const std::map<std::string, double> by_name(result.numbers.begin(), result.numbers.end());
  result.score = by_name.at("bits wrong") + 1 - by_name.at("cosine original-recovered") +
                 std::max(0., by_name.at("cosine original-anonymized"));
  return result;
}

std::vector<std::string_view> Trainer::networks(const TrainingRecipe& recipe) {
  std::vector<std::string_view> needed = {"generator", "style_mlp", "map_2_id", "hiding_extractor", "recon", "arcface"};
  if (recipe.weights.adversarial > 0) needed.emplace_back("discriminator");
  if (recipe.weights.lpips > 0) needed.emplace_back("lpips");
  return needed;
}

Trainer::Trainer(const ModelConfig& model, const TrainingRecipe& recipe, Parameters start,
                 const TrainingOptions& options)
    : state_(std::make_unique<State>(model, recipe, std::move(start), options)) {}
Trainer::~Trainer() = default;

StepReport Trainer::step(const Batch& batch) { return state_->step(image_of(batch)); }
std::int64_t Trainer::steps() const { return state_->taken; }
Preview Trainer::preview(const Batch& batch) { return state_->preview(image_of(batch)); }
Parameters Trainer::model() const {
  Parameters used = state_->engine->averaged();
  state_->model.store(used);
  store_trained_bits(used, state_->recipe.bits);
  store_trained_noise(used, state_->fixed_noise());
  return used;
}
Parameters Trainer::state() const {
  Parameters all = state_->engine->state();
  state_->ada.store(all);
  state_->model.store(all);
  store_trained_bits(all, state_->recipe.bits);
  store_trained_noise(all, state_->fixed_noise());
  return all;
}

}  // namespace g2face
