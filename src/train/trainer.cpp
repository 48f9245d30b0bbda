#include "g2face/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/extractor.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/identity_network.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/nn/ema.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face {
namespace {

constexpr std::string_view optimizer_name = "adam", average_name = "ema";

/// A graph with its inputs and outputs by name.
struct Job {
  Graph graph;
  std::map<std::string, Value> inputs, outputs;
  std::vector<std::pair<std::string, Value>> report;
  std::vector<Update> updates;
  std::unique_ptr<Executor> executor;

  Value input(const std::string& name, const Type& type) { return inputs[name] = graph.input(type, name); }
};

using Tensors = std::map<std::string, Tensor>;

Tensor integer(std::int64_t value) {
  Tensor t({DType::i64, {1}});
  t.mutable_as<std::int64_t>()[0] = value;
  return t;
}
Tensor number(double value) { return Tensor::full({DType::f32, {1}}, value); }

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

/// What is not f32 under the names of a model file is not for training.
Parameters only_known(const Parameters& all, std::span<const std::string_view> networks) {
  Parameters kept;
  for (const auto& [name, tensor] : all) {
    const std::string_view owner = std::string_view(name).substr(0, name.find('/'));
    const bool known = std::find(networks.begin(), networks.end(), owner) != networks.end() ||
                       owner == optimizer_name || owner == average_name || owner == "face_model";
    if (known) kept.set(name, tensor);
  }
  return kept;
}

}  // namespace

std::int64_t sample_seed(std::uint64_t seed, std::int64_t position, std::string_view stage) {
  const auto p = static_cast<std::uint64_t>(position), s = random_stream(stage);
  const auto r = philox4x32({static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(p >> 32),
                             static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(s >> 32)},
                            seed);
  return static_cast<std::int64_t>((std::uint64_t{r[0]} << 32 | r[1]) >> 11);
}

struct Trainer::State {
  ModelConfig model;
  TrainingRecipe recipe;
  TrainerOptions options;
  FaceModel mesh;
  std::int64_t taken;
  std::unique_ptr<DeviceParameters> parameters;
  std::map<std::string, std::unique_ptr<Job>> jobs;

  State(const ModelConfig& m, const TrainingRecipe& r, Parameters start, const TrainerOptions& o)
      : model(m), recipe(r), options(o), taken(o.first_step) {
    recipe.validate();
    check<Error>(options.epoch_images > 0, "training: an epoch has ", options.epoch_images,
                 " images, expected a positive number");
    const std::vector<std::string_view> needed = networks(recipe);
    adopt_parameters(start, needed, model);
    if (start.contains("face_model/mean_shape")) mesh = FaceModel::of(start);
    start = only_known(start, needed);
    begin_optimizer(start);
    parameters = std::make_unique<DeviceParameters>(options.device, start);
  }

  // ---- what is trained ----

  static bool is_generating(std::string_view network) {
    return network == "generator" || network == "style_mlp" || network == "map_2_id" || network == "hiding_extractor";
  }
  bool is_trained(std::string_view network) const {
    return is_generating(network) || (network == "discriminator" && recipe.weights.adversarial > 0);
  }

  /// What the optimizer and the averages keep, where `start` lacks it.
  void begin_optimizer(Parameters& start) const {
    for (const std::string_view network : networks(recipe)) {
      if (!is_trained(network)) continue;
      for (const Declared& d : declare(network, model)) {
        if (!d.trainable) continue;
        const auto begin = [&](const std::string& name, const Tensor& tensor) {
          if (!start.contains(name)) start.set(name, tensor);
          check<CheckpointError>(start.at(name).type() == d.type, "'", name, "' is ", start.at(name).type().str(),
                                 ", expected ", d.type.str());
        };
        begin(str(optimizer_name, "/second/", d.name), Tensor::zeros(d.type));
        if (recipe.adam.beta1 != 0) begin(str(optimizer_name, "/first/", d.name), Tensor::zeros(d.type));
        if (recipe.ema > 0 && is_generating(network) && is_averaged(d.name, averages()))
          begin(str(average_name, '/', d.name), start.at(d.name).clone());
      }
    }
  }

  EmaOptions averages() const { return {.decay = recipe.ema, .skip = ""}; }

  /// A step of Adam for what these scopes train, each at its rate, and the averages that follow.
  void train(Job& job, Value loss, std::initializer_list<const Scope*> scopes) const {
    std::vector<Value> all;
    for (const Scope* s : scopes) {
      const std::vector<Value> some = s->trainable();
      all.insert(all.end(), some.begin(), some.end());
    }
    const std::vector<Value> slopes = gradients(loss, all);
    std::map<std::pair<std::string, std::string>, AdamGroup> groups;  // by inputs: number of the step, rate
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string& name = job.graph.node(all[i]).name;
      // Map2ID is left alone when recovering, and its count of steps with it.
      AdamGroup& g =
          groups[{name.starts_with("map_2_id/") ? "iteration" : "step", is_prior(name) ? "prior rate" : "rate"}];
      g.parameters.push_back(all[i]);
      g.gradients.push_back(slopes[i]);
    }
    const Scope optimizer(job.graph, optimizer_name);
    for (auto& [inputs, group] : groups) {
      const auto& [step, rate] = inputs;
      for (const auto& [name, type] : {std::pair{step, Type{DType::i64, {1}}}, {rate, Type{DType::f32, {1}}}})
        if (!job.inputs.contains(name)) job.input(name, type);
      group.rate = job.inputs.at(rate);
      for (Update& u : adam_updates(optimizer, job.inputs.at(step), {{group}}, recipe.adam)) job.updates.push_back(u);
    }
  }
  /// The averages follow what the parameters have become.
  void average(Job& job, std::initializer_list<const Scope*> scopes) const {
    if (recipe.ema == 0) return;
    std::vector<Value> all;
    for (const Scope* s : scopes) {
      const std::vector<Value> some = s->trainable();
      all.insert(all.end(), some.begin(), some.end());
    }
    const Scope averaged(job.graph, average_name);
    const std::vector<Update> more = ema_updates(averaged, all, job.updates, averages());
    job.updates.insert(job.updates.end(), more.begin(), more.end());
  }

  // ---- jobs ----

  Type images_type(std::int64_t n) const { return {DType::f32, {n, 3, model.resolution, model.resolution}}; }
  Type identity_type(std::int64_t n) const { return {DType::f32, {n, model.identity_dim}}; }
  static Type coefficients_type(std::int64_t n) { return {DType::f32, {n, ModelConfig::coefficient_count}}; }
  Type bits_type(std::int64_t n) const { return {DType::f32, {n, model.bit_rows(), 32}}; }

  Job& job(const std::string& name, const std::function<void(Job&)>& build) {
    std::unique_ptr<Job>& made = jobs[name];
    if (made) return *made;
    auto j = std::make_unique<Job>();
    build(*j);
    std::vector<Value> outputs;
    for (const auto& [key, v] : j->outputs) outputs.push_back(v);
    for (const auto& [key, v] : j->report) outputs.push_back(v);
    const PlanOptions how{
        .device = options.device, .precision = options.precision, .threads = options.threads, .fold = false};
    const Plan planned = plan(j->graph, outputs, j->updates, how);
    // Stages run one after the other, in one memory. The first one, which anonymizes, has the most to keep.
    if (jobs.size() == 1) parameters->share_arena(planned.arena_bytes());
    j->executor = std::make_unique<Executor>(planned, *parameters);
    made = std::move(j);
    return *made;
  }

  Tensors run(Job& j, const Tensors& inputs) {
    for (const auto& [name, v] : j.inputs) j.executor->set(v, inputs.at(name));
    j.executor->run({.check_finite = options.check_finite});
    Tensors results;
    for (const auto& [name, v] : j.outputs) results[name] = j.executor->get(v).to(DType::f32);
    return results;
  }
  void add_report(const std::string& stage, Job& j, StepReport& report) const {
    for (const auto& [name, v] : j.report) {
      const double value = j.executor->get(v).item();
      check<NotFiniteError>(std::isfinite(value), "training step ", taken + 1, ": ", stage, '/', name, " is ", value,
                            "; the parameters are worthless now: go on from the last checkpoint with a lower rate");
      report.emplace_back(str(stage, '/', name), value);
    }
  }

  static void report_losses(Job& j, const GeneratedFace& face) {
    for (const LossTerm& t : face.losses) j.report.emplace_back(t.name, t.value);
    j.report.emplace_back("total", face.loss);
  }

  Value seeds(Job& j, std::int64_t n) const { return j.input("seeds", {DType::i64, {n}}); }

  void build_anonymize(Job& j) const {
    const std::int64_t n = recipe.batch;
    const TrainingNetworks networks(j.graph, model, mesh);
    const Value seed = seeds(j, n), bits = random_bits(recipe.bits, seed, n, model);
    const AnonymizeStage stage =
        anonymize_stage(networks,
                        {.image = j.input("image", images_type(n)),
                         .z = random_normal(seed, {identity_type(n).shape, random_stream("virtual identity")}),
                         .bits = bits,
                         .noise = {.seed = seed},
                         .channel = [&](Value x) { return channel(x, seed, recipe.channel); }},
                        recipe.weights);
    train(j, stage.generated.loss,
          {&networks.generator, &networks.style_mlp, &networks.map_2_id, &networks.hiding_extractor});
    average(j, {&networks.map_2_id});
    for (const Update& u : networks.updates()) j.updates.push_back(u);
    const Value read = greater(stage.generated.logits, j.graph.constant(Tensor::scalar(0)));
    report_losses(j, stage.generated);
    j.report.emplace_back("bits wrong", mean(abs(read - bits)));
    j.outputs = {{"anonymized", stage.generated.image},
                 {"identity", stage.identity},
                 {"coefficients", stage.coefficients},
                 {"coefficients of anonymized", stage.generated.coefficients},
                 {"bits", read}};
  }

  void build_recover(Job& j) const {
    const std::int64_t n = recipe.batch;
    const TrainingNetworks networks(j.graph, model, mesh);
    const Value seed = seeds(j, n), identity = j.input("identity", identity_type(n));
    const Value bits = recipe.recover_bits == RecoverBits::fresh ? random_bits(recipe.bits, seed, n, model)
                                                                 : j.input("bits", bits_type(n));
    const GeneratedFace face = recover_stage(
        networks,
        {.image = j.input("image", images_type(n)),
         .original_identity = identity,
         .original_coefficients = mesh.vertices > 0 ? j.input("coefficients", coefficients_type(n)) : Value{},
         .anonymized = j.input("anonymized", images_type(n)),
         .identity = identity,
         .coefficients = j.input("coefficients of anonymized", coefficients_type(n)),
         .bits = bits,
         .noise = {.seed = seed},
         .channel = [&](Value x) { return channel(x, seed, recipe.channel); }},
        recipe.weights);
    train(j, face.loss, {&networks.generator, &networks.style_mlp, &networks.hiding_extractor});
    average(j, {&networks.generator, &networks.style_mlp, &networks.hiding_extractor});
    for (const Update& u : networks.updates()) j.updates.push_back(u);
    report_losses(j, face);
    j.outputs = {{"recovered", face.image}};
  }

  void build_discriminate(Job& j, bool with_r1) const {
    const Type type = images_type(recipe.batch);
    const TrainingNetworks networks(j.graph, model, mesh);
    const DiscriminateStage stage =
        discriminate_stage(networks, j.input("image", type), j.input("fake", type), with_r1, recipe.weights);
    train(j, stage.loss, {&networks.discriminator});
    j.report = {{"real", stage.real_loss}, {"fake", stage.fake_loss}};
    if (with_r1) j.report.emplace_back("r1", recipe.weights.r1 * stage.r1);
  }

  // ---- a step ----

  StepReport step(const Tensor& images) {
    const Type type = images_type(recipe.batch);
    check<ShapeError>(images.type() == type, "training: images are ", images.type().str(), ", expected ", type.str());
    const std::int64_t number_of_step = taken + 1, first = taken * recipe.batch;
    const auto epoch = static_cast<int>(first / options.epoch_images) + 1;
    const double factor = recipe.schedule.factor(epoch);
    const std::int64_t in_epoch = (first % options.epoch_images) / recipe.batch;
    const auto seeds_of = [&](std::string_view stage) {
      Tensor t({DType::i64, {recipe.batch}});
      std::int64_t position = first;
      for (std::int64_t& s : t.mutable_as<std::int64_t>()) s = sample_seed(recipe.seed, position++, stage);
      return t;
    };
    Tensors inputs = {{"image", images},
                      {"rate", number(recipe.rate * factor)},
                      {"prior rate", number(recipe.prior_rate * factor)},
                      {"iteration", integer(number_of_step)},
                      {"step", integer(2 * number_of_step - 1)},
                      {"seeds", seeds_of("anonymize")}};
    StepReport report;
    Job& anonymize = job("anonymize", [&](Job& j) { build_anonymize(j); });
    inputs.merge(run(anonymize, inputs));
    add_report("anonymize", anonymize, report);

    inputs["seeds"] = seeds_of("recover");
    inputs["step"] = integer(2 * number_of_step);
    Job& recover = job("recover", [&](Job& j) { build_recover(j); });
    inputs.merge(run(recover, inputs));
    add_report("recover", recover, report);

    if (recipe.weights.adversarial > 0) {
      const bool recovered =
          recipe.fake == FakeImages::recovered || (recipe.fake == FakeImages::alternate && in_epoch % 2 == 0);
      const bool with_r1 = recipe.weights.r1 > 0 && number_of_step % recipe.r1_interval == 0;
      inputs["fake"] = inputs.at(recovered ? "recovered" : "anonymized");
      inputs["rate"] = number(recipe.discriminator_rate);
      inputs["step"] = integer(number_of_step);
      Job& discriminate = with_r1 ? job("discriminate_r1", [&](Job& j) { build_discriminate(j, true); })
                                  : job("discriminate", [&](Job& j) { build_discriminate(j, false); });
      run(discriminate, inputs);
      add_report("discriminate", discriminate, report);
    }
    report.emplace_back("rate", recipe.rate * factor);
    ++taken;
    return report;
  }

  // ---- previews ----

  /// Parameters of the generating networks are the averaged ones where there are any.
  Parameters for_use() const {
    Parameters all = parameters->get(), used;
    const std::string prefix = str(average_name, '/');
    for (const auto& [name, tensor] : all) {
      if (name.starts_with(prefix)) continue;
      const std::string average = prefix + name;
      used.set(name, all.contains(average) ? all.at(average) : tensor);
    }
    return used;
  }

  Preview preview(const Tensor& images) const;
};

Preview Trainer::State::preview(const Tensor& images) const {
  const std::int64_t n = images.shape().rank() == 4 ? images.shape()[0] : 0;
  check<ShapeError>(n > 0 && images.type() == images_type(n), "training preview: images are ", images.type().str(),
                    ", expected ", images_type(n).str());
  const Parameters used = for_use();
  Job j;
  Graph& g = j.graph;
  const Value image = j.input("image", images_type(n)), seed = j.input("seeds", {DType::i64, {n}});
  const Scope arcface_scope(g, "arcface"), recon_scope(g, "recon"), generator_scope(g, "generator"),
      mlp(g, "style_mlp");
  const auto see = [&](Value x) { return identity_network(arcface_scope, x, model); };
  const auto generate = [&](Value x, Value identity, Value bits) {
    const Value geometry = select_geometry(recon(recon_scope, affine(x, 0.5, 0.5), model));
    return round_to_bytes(
        generator(generator_scope, x, style_mlp(mlp, identity, geometry, model), bits, {.seed = seed}, model));
  };
  const Value identity = see(image), bits = random_bits(recipe.bits, seed, n, model);
  const Value z = random_normal(seed, {identity_type(n).shape, random_stream("virtual identity")});
  const Value anonymized = generate(image, map_2_id(Scope(g, "map_2_id"), z, model), bits);
  const Value logits = hiding_extractor(Scope(g, "hiding_extractor"), anonymized, model);
  const Value read = greater(logits, g.constant(Tensor::scalar(0)));
  const Value recovered = generate(anonymized, identity, read);
  std::vector<std::int64_t> others;  // somebody else's identity: that of the next image, or with one image, noise
  for (std::int64_t i = 0; i < n; ++i) others.push_back((i + 1) % n);
  const Value wrong_key = generate(anonymized, n > 1 ? gather(identity, 0, others) : z, read);
  const auto likeness = [&](Value x) { return mean(cosine(identity, see(x))); };
  const std::vector<std::pair<std::string, Value>> numbers = {{"bits wrong", mean(abs(read - bits))},
                                                              {"cosine original-anonymized", likeness(anonymized)},
                                                              {"cosine original-recovered", likeness(recovered)},
                                                              {"cosine original-wrong key", likeness(wrong_key)},
                                                              {"psnr recovered", mean_psnr(image, recovered)}};
  std::vector<Value> outputs = {anonymized, recovered, wrong_key};
  for (const auto& [name, value] : numbers) outputs.push_back(value);
  Executor executor(
      plan(g, outputs, {.device = options.device, .precision = options.precision, .threads = options.threads}), &used);
  executor.set(image, images);
  Tensor seeds_tensor({DType::i64, {n}});
  std::int64_t position = 0;
  for (std::int64_t& s : seeds_tensor.mutable_as<std::int64_t>()) s = sample_seed(recipe.seed, position++, "preview");
  executor.set(seed, seeds_tensor);
  executor.run();
  const auto picture = [&](Value v) { return executor.get(v).to(DType::f32); };
  Preview result{picture(anonymized), picture(recovered), picture(wrong_key), {}};
  for (const auto& [name, value] : numbers) result.numbers.emplace_back(name, executor.get(value).item());
  return result;
}

double Preview::score() const {
  const std::map<std::string, double> by_name(numbers.begin(), numbers.end());
  return by_name.at("bits wrong") + 1 - by_name.at("cosine original-recovered") +
         std::max(0., by_name.at("cosine original-anonymized"));
}

std::vector<std::string_view> Trainer::networks(const TrainingRecipe& recipe) {
  std::vector<std::string_view> needed = {"generator", "style_mlp", "map_2_id", "hiding_extractor", "recon", "arcface"};
  if (recipe.weights.adversarial > 0) needed.emplace_back("discriminator");
  if (recipe.weights.lpips > 0) needed.emplace_back("lpips");
  return needed;
}

Trainer::Trainer(const ModelConfig& model, const TrainingRecipe& recipe, Parameters start,
                 const TrainerOptions& options)
    : state_(std::make_unique<State>(model, recipe, std::move(start), options)) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;

StepReport Trainer::step(const Tensor& images) { return state_->step(images); }
std::int64_t Trainer::steps() const { return state_->taken; }
Preview Trainer::preview(const Tensor& images) { return state_->preview(images); }
Parameters Trainer::model() const {
  Parameters used = state_->for_use();
  std::vector<std::string> kept;
  for (const auto& [name, tensor] : used)
    if (name.starts_with(str(optimizer_name, '/'))) kept.push_back(name);
  for (const std::string& name : kept) used.erase(name);
  state_->model.store(used);
  return used;
}
Parameters Trainer::state() const {
  Parameters all = state_->parameters->get();
  state_->model.store(all);
  return all;
}

}  // namespace g2face
