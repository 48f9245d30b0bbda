#include "g2face/train/identity_trainer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "g2face/models/identity_network.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/engine.hpp"
#include "g2face/train/losses.hpp"
#include "io/model_fields.hpp"

namespace g2face {
namespace {

constexpr auto network = std::to_array<std::string_view>({"arcface"});
constexpr std::string_view teacher_key = "teacher";

/// Tensors "FROM/..." as "TO/...".
Parameters renamed(const Parameters& all, std::string_view from, std::string_view to) {
  const std::string prefix = str(from, '/');
  Parameters some;
  for (const auto& [name, tensor] : all)
    if (name.starts_with(prefix)) some.set(str(to, '/', name.substr(prefix.size())), tensor);
  return some;
}

/// The architecture of the teacher in `parameters`; nothing if there is none.
std::optional<ModelConfig> teacher_of(const Parameters& parameters) {
  ModelConfig config;
  if (!io::read_fact(parameters, teacher_key, "the teacher's architecture", io::model_fields(config))) return {};
  return config;
}

double mean_of(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.) / static_cast<double>(v.size());
}

/// Rows first .. first + count - 1 of extent 0.
Tensor rows_of(const Tensor& t, std::int64_t first, std::int64_t count) {
  const std::int64_t row = t.numel() / t.shape()[0];
  const Shape& s = t.shape();
  return Tensor::from({count, s[1], s[2], s[3]}, t.as<float>().subspan(static_cast<std::size_t>(first * row),
                                                                       static_cast<std::size_t>(count * row)));
}

double cosine_of_rows(const Tensor& a, std::size_t i, const Tensor& b, std::size_t j) {
  const auto n = static_cast<std::size_t>(a.shape()[1]);
  double ab = 0, aa = 1e-12, bb = 1e-12;
  for (std::size_t k = 0; k < n; ++k) {
    const double x = a.as<float>()[i * n + k], y = b.as<float>()[j * n + k];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

void IdentityRecipe::validate() const {
  check<Error>(batch >= 2, "identity training: batch is ", batch, ", expected 2 or more");
  check<Error>(weights.classes > 0 || weights.teacher > 0,
               "identity training: weights of classes and teacher are 0, so there is nothing to learn");
}

void set_teacher(Parameters& parameters, const Parameters& teacher) {
  ModelConfig config = ModelConfig::of(teacher);
  Parameters fitting = renamed(teacher, "arcface", "arcface");
  adopt_parameters(fitting, network, config);
  for (const auto& [name, tensor] : renamed(fitting, "arcface", teacher_key)) parameters.set(name, tensor);
  io::write_fact(parameters, teacher_key, io::model_fields(config));
}

Verification verify_pairs(std::vector<double> same, std::vector<double> other) {
  check<Error>(!same.empty() && !other.empty(), "verification needs pairs of the same person and of two people");
  Verification v{mean_of(same), mean_of(other), 0.5};
  std::sort(same.begin(), same.end());
  std::sort(other.begin(), other.end());
  for (const double threshold : same) {
    const auto below = [&](const std::vector<double>& all) {
      const auto n = std::lower_bound(all.begin(), all.end(), threshold) - all.begin();
      return static_cast<double>(n) / static_cast<double>(all.size());
    };
    v.verified = std::max(v.verified, (1 - below(same) + below(other)) / 2);
  }
  return v;
}

struct IdentityTrainer::State {
  ModelConfig model;
  IdentityRecipe recipe;
  std::int64_t people;
  Gallery held_out;
  TrainingOptions options;
  std::optional<ModelConfig> teacher;
  Share share;  // of a batch
  std::int64_t taken;
  std::unique_ptr<TrainingEngine> engine;

  State(const ModelConfig& m, const IdentityRecipe& r, std::int64_t p, Gallery gallery, Parameters start,
        const TrainingOptions& o)
      : model(m), recipe(r), people(p), held_out(std::move(gallery)), options(o), taken(o.first_step) {
    recipe.validate();
    share = share_of(recipe.batch, options.ranks);
    check<Error>(options.epoch_images > 0, "training: an epoch has ", options.epoch_images,
                 " images, expected a positive number");
    check<Error>(recipe.weights.classes == 0 || people >= 2, "identity training: the loss has classes, but there are ",
                 people, " people");
    adopt_parameters(start, network, model);
    Parameters kept = renamed(start, "arcface", "arcface");
    if (recipe.weights.teacher > 0) {
      teacher = teacher_of(start);
      check<CheckpointError>(teacher.has_value(), "identity training: the loss has a teacher, but there is none");
      Parameters given = renamed(start, teacher_key, "arcface");
      given.metadata() = {};
      teacher->store(given);
      set_teacher(kept, given);
    }
    std::vector<TrainedNetwork> trained = {{declare("arcface", model), true}};
    for (const std::string_view head : {"classes", "projection"}) begin_head(head, start, kept, trained);
    for (const auto& [name, tensor] : start)
      if (name.starts_with("adam/") || name.starts_with("ema/")) kept.set(name, tensor);
    engine = std::make_unique<TrainingEngine>(std::move(kept), trained,
                                              EngineOptions{.run = options, .adam = recipe.adam, .ema = recipe.ema});
  }

  // ---- what is trained beside the network ----

  bool has_projection() const { return teacher && teacher->identity_dim != model.identity_dim; }
  /// [people,D]: a direction for each person.
  Value class_weight(const Scope& s) const {
    return s.param("weight", {people, model.identity_dim}, init::normal(0.01));
  }
  /// [teacher's D,D]
  Value projection_weight(const Scope& s) const {
    return s.param("weight", {teacher->identity_dim, model.identity_dim},
                   init::normal(1 / std::sqrt(static_cast<double>(model.identity_dim))));
  }

  void begin_head(std::string_view name, const Parameters& start, Parameters& kept,
                  std::vector<TrainedNetwork>& trained) const {
    Graph graph;
    const Scope s(graph, name);
    if (name == "classes" && recipe.weights.classes > 0) class_weight(s);
    if (name == "projection" && has_projection()) projection_weight(s);
    for (const Declared& d : s.declared()) {
      if (start.contains(d.name)) {
        check<CheckpointError>(start.at(d.name).type() == d.type, "'", d.name, "' is ", start.at(d.name).type().str(),
                               ", expected ", d.type.str(), ", a row for each person");
        kept.set(d.name, start.at(d.name));
      } else {
        kept.set(d.name, initial_parameters(std::span(&d, 1), recipe.seed).at(d.name));
      }
    }
    if (!s.declared().empty()) trained.push_back({s.declared(), false});
  }

  // ---- a step ----

  Type images_type(std::int64_t n) const { return {DType::f32, {n, 3, model.resolution, model.resolution}}; }
  static RateInputs rates(std::string_view) { return {"step", "rate"}; }
  Value see_as_teacher(Graph& g, Value image) const {
    return identity_network(Scope(g, teacher_key).frozen(), image, *teacher);
  }

  void build(TrainingJob& j) const {
    const std::int64_t n = share.count;
    Graph& g = j.graph;
    const Scope seen = Scope(g, "arcface").in_training(), classes(g, "classes"), projection(g, "projection");
    const Value image = j.input("image", images_type(n)), identity = identity_network(seen, image, model);
    Value total;
    const auto add = [&](const char* name, Value term) {
      j.report.emplace_back(name, term);
      total = total ? total + term : term;
    };
    if (recipe.weights.classes > 0) {
      const Value labels = j.input("label", {DType::i32, {n}});
      const Value cosines = matmul(l2_normalize(identity), l2_normalize(class_weight(classes)), {.transpose_b = true});
      const Value own = mean(sum(cosines * one_hot(labels, people), {.axes = {1}}));
      add("classes",
          recipe.weights.classes * mean(softmax_cross_entropy(angular_margin(cosines, labels, recipe.margin), labels)));
      j.report.emplace_back("cosine to own class", own);
    }
    if (recipe.weights.teacher > 0) {
      const Value shown =
          has_projection() ? matmul(identity, projection_weight(projection), {.transpose_b = true}) : identity;
      add("teacher", recipe.weights.teacher * same_identity(shown, see_as_teacher(g, image)));
    }
    if (recipe.decay > 0) {
      Value squares;
      for (const Scope* s : {&seen, &classes, &projection})
        for (const Value w : s->trainable())
          if (w.shape().rank() >= 2) squares = squares ? squares + sum(square(w)) : sum(square(w));
      add("decay", recipe.decay / 2 * squares);
    }
    j.report.emplace_back("total", total);
    engine->minimize(j, total, {&seen, &classes, &projection}, rates);
    engine->average(j, {&seen});
    for (const Update& u : seen.updates()) j.updates.push_back(u);
  }

  StepReport step(const Batch& batch) {
    const std::int64_t first = taken * recipe.batch;
    const double rate = recipe.rate * recipe.schedule.factor(static_cast<int>(first / options.epoch_images) + 1);
    StepReport report = engine->only_step([&](TrainingJob& j) { build(j); }, batch, taken + 1, rate);
    ++taken;
    return report;
  }

  // ---- previews ----

  /// Vectors of all that is held out: ours, and with a teacher what it should say and what we say it does.
  struct Vectors {
    std::vector<Tensor> own, taught, shown;  // each [1,D]
  };
  Vectors look() const;
  Preview preview() const;
};

IdentityTrainer::State::Vectors IdentityTrainer::State::look() const {
  constexpr std::int64_t most = 16;  // images at a time
  const std::int64_t count = held_out.images.shape()[0], n = std::min(most, count);
  const Parameters used = engine->averaged();
  Graph g;
  const Value image = g.input(images_type(n), "image");
  std::vector<Value> outputs = {identity_network(Scope(g, "arcface"), image, model)};
  if (teacher) {
    outputs.push_back(see_as_teacher(g, image));
    outputs.push_back(has_projection()
                          ? matmul(outputs[0], projection_weight(Scope(g, "projection")), {.transpose_b = true})
                          : outputs[0]);
  }
  Executor executor(
      plan(g, outputs, {.device = options.device, .precision = options.precision, .threads = options.threads}), &used);
  Vectors vectors;
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t from = std::min(done, count - n);  // the last ones overlap those before
    executor.set(image, rows_of(held_out.images, from, n));
    executor.run();
    std::vector<Tensor>* const lists[] = {&vectors.own, &vectors.taught, &vectors.shown};
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const Tensor all = executor.get(outputs[k]).to(DType::f32);
      const std::int64_t length = all.shape()[1];
      for (std::int64_t i = done - from; i < n; ++i)
        lists[k]->push_back(Tensor::from({1, length}, all.as<float>().subspan(static_cast<std::size_t>(i * length),
                                                                              static_cast<std::size_t>(length))));
    }
    done = from + n;
  }
  return vectors;
}

Preview IdentityTrainer::State::preview() const {
  Preview result;
  if (!held_out.images) return result;
  const Vectors vectors = look();
  if (teacher) {
    double sum = 0;
    for (std::size_t i = 0; i < vectors.own.size(); ++i)
      sum += cosine_of_rows(vectors.shown[i], 0, vectors.taught[i], 0);
    result.numbers.emplace_back("cosine to teacher", sum / static_cast<double>(vectors.own.size()));
    result.score = 1 - result.numbers.back().second;
  }
  std::vector<double> same, other;
  for (std::size_t i = 0; i < held_out.who.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (held_out.number[i] != held_out.number[k])
        (held_out.who[i] == held_out.who[k] ? same : other)
            .push_back(cosine_of_rows(vectors.own[i], 0, vectors.own[k], 0));
  if (same.empty() || other.empty()) return result;
  const Verification v = verify_pairs(std::move(same), std::move(other));
  result.numbers.emplace_back("cosine same person", v.same);
  result.numbers.emplace_back("cosine other people", v.other);
  result.numbers.emplace_back("verified", v.verified);
  result.score = 1 - v.verified;
  return result;
}

IdentityTrainer::IdentityTrainer(const ModelConfig& model, const IdentityRecipe& recipe, std::int64_t people,
                                 Gallery held_out, Parameters start, const TrainingOptions& options)
    : state_(std::make_unique<State>(model, recipe, people, std::move(held_out), std::move(start), options)) {}
IdentityTrainer::~IdentityTrainer() = default;

StepReport IdentityTrainer::step(const Batch& batch) { return state_->step(batch); }
std::int64_t IdentityTrainer::steps() const { return state_->taken; }
Preview IdentityTrainer::preview(const Batch&) { return state_->preview(); }
Parameters IdentityTrainer::model() const {
  Parameters used = renamed(state_->engine->averaged(), "arcface", "arcface");
  state_->model.store(used);
  return used;
}
Parameters IdentityTrainer::state() const {
  Parameters all = state_->engine->state();
  state_->model.store(all);
  if (state_->teacher) {
    ModelConfig config = *state_->teacher;
    io::write_fact(all, teacher_key, io::model_fields(config));
  }
  return all;
}

}  // namespace g2face
