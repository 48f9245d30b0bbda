#include "g2face/train/engine.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backend.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/nn/ema.hpp"
#include "g2face/ops/all_reduce.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face {
namespace {

constexpr std::string_view optimizer_name = "adam", average_name = "ema";

EmaOptions averages(double decay) { return {.decay = decay, .skip = ""}; }

std::vector<Value> trainable(TrainingEngine::Scopes scopes) {
  std::vector<Value> all;
  for (const Scope* s : scopes) {
    const std::vector<Value> some = s->trainable();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

std::size_t hash_of(const Tensor& t) {
  return std::hash<std::string_view>()({static_cast<const char*>(t.data()), t.bytes()});
}

/// What the optimizer and the averages keep, where `start` lacks it.
void begin_optimizer(Parameters& start, const TrainedNetwork& network, const EngineOptions& options) {
  for (const Declared& d : network.declared) {
    if (!d.trainable) continue;
    const auto begin = [&](const std::string& name, const Tensor& tensor) {
      if (!start.contains(name)) start.set(name, tensor);
      check<CheckpointError>(start.at(name).type() == d.type, "'", name, "' is ", start.at(name).type().str(),
                             ", expected ", d.type.str());
    };
    begin(str(optimizer_name, "/second/", d.name), Tensor::zeros(d.type));
    if (options.adam.beta1 != 0) begin(str(optimizer_name, "/first/", d.name), Tensor::zeros(d.type));
    if (options.ema > 0 && network.averaged && is_averaged(d.name, averages(options.ema)))
      begin(str(average_name, '/', d.name), start.at(d.name).clone());
  }
}

/// What the loss scale keeps, where `start` lacks it.
void begin_loss_scale(Parameters& start, const LossScaleOptions& options) {
  const auto begin = [&](std::string_view own_name, double value) {
    const std::string name = str(optimizer_name, '/', own_name);
    if (!start.contains(name)) start.set(name, real_number(value));
    check<CheckpointError>(start.at(name).type() == Type{DType::f32, {1}}, "'", name, "' is ",
                           start.at(name).type().str(), ", expected f32[1]");
  };
  begin(loss_scale_name, options.initial);
  begin(good_updates_name, 0);
}

/// Adam leaves its own updates out; here all others of the job, such as running statistics and averages, follow it.
void guard_updates(TrainingJob& job) {
  std::map<std::string_view, Value> parameters;
  for (int n = 0; n < job.graph.size(); ++n)
    if (job.graph.node(n).op == &parameter_op) parameters[job.graph.node(n).name] = {&job.graph, n, 0};
  for (Update& u : job.updates)
    if (job.graph.node(u.value).op != &adam_op) u = job.loss_scale->guarded(u, parameters.at(u.name));
  for (const Update& u : job.loss_scale->updates()) job.updates.push_back(u);
  job.report.emplace_back("loss scale", job.loss_scale->scale());
  job.report.emplace_back("skipped", job.loss_scale->skipped());
}

bool reports_finite_numbers(const TrainingJob& job) {
  return std::all_of(job.report.begin(), job.report.end(),
                     [&](const auto& entry) { return std::isfinite(job.executor->get(entry.second).item()); });
}

}  // namespace

const Tensor& image_of(const Batch& batch) {
  const auto found = batch.find("image");
  check<ShapeError>(found != batch.end(), "training: the batch has no 'image'");
  return found->second;
}

std::int64_t sample_seed(std::uint64_t seed, std::int64_t position, std::string_view stage) {
  const auto p = static_cast<std::uint64_t>(position), s = random_stream(stage);
  const auto r = philox4x32({static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(p >> 32),
                             static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(s >> 32)},
                            seed);
  return static_cast<std::int64_t>((std::uint64_t{r[0]} << 32 | r[1]) >> 11);
}

Tensor sample_seeds(std::uint64_t seed, std::int64_t position, std::int64_t count, std::string_view stage) {
  Tensor t({DType::i64, {count}});
  for (std::int64_t& s : t.mutable_as<std::int64_t>()) s = sample_seed(seed, position++, stage);
  return t;
}

Tensor whole_number(std::int64_t value) {
  Tensor t({DType::i64, {1}});
  t.mutable_as<std::int64_t>()[0] = value;
  return t;
}
Tensor real_number(double value) { return Tensor::full({DType::f32, {1}}, value); }

Value TrainingJob::input(const std::string& name, const Type& type) {
  const auto found = inputs.find(name);
  if (found != inputs.end()) return found->second;
  return inputs[name] = graph.input(type, name);
}

TrainingEngine::TrainingEngine(Parameters start, std::span<const TrainedNetwork> trained, EngineOptions options)
    : options_(std::move(options)) {
  for (const TrainedNetwork& network : trained) begin_optimizer(start, network, options_);
  if (options_.run.precision == Precision::f16) begin_loss_scale(start, options_.loss_scale);
  parameters_ = std::make_unique<DeviceParameters>(options_.run.device, start);
  if (options_.run.ranks) {
    backend_of(options_.run.device).connect(*options_.run.ranks);
    std::string all;
    for (const auto& [name, tensor] : start) all += str(name, ' ', hash_of(tensor), '\n');
    require_same("a parameter", all);
  }
}

void TrainingEngine::require_same(std::string_view what, std::string_view text) const {
  const auto& ranks = options_.run.ranks;
  check<Error>(!ranks || ranks->agree(text), "training: ", what, " is not the same on all ranks: start them with the ",
               "same program, options and files on processors of one kind");
}

void TrainingEngine::minimize(TrainingJob& job, Value loss, Scopes scopes, const RatesOf& rates,
                              const std::optional<AdamAttrs>& adam) const {
  const Scope optimizer(job.graph, optimizer_name);
  if (job.precision == Precision::f16) {
    check<GraphError>(!job.loss_scale, "minimize: a job in f16 can have one loss only");
    job.loss_scale.emplace(optimizer, options_.loss_scale);
    loss = job.loss_scale->scaled(loss);
  }
  const std::vector<Value> all = trainable(scopes);
  const auto& ranks = options_.run.ranks;
  const Value goal = ranks ? affine(loss, 1. / ranks->ranks()) : loss;
  const std::vector<Value> slopes = all_reduce_in_buckets(gradients(goal, all));
  if (job.loss_scale) job.loss_scale->look_at(slopes);
  std::map<RateInputs, AdamGroup> groups;
  for (std::size_t i = 0; i < all.size(); ++i) {
    AdamGroup& group = groups[rates(job.graph.node(all[i]).name)];
    group.parameters.push_back(all[i]);
    group.gradients.push_back(slopes[i]);
  }
  for (auto& [inputs, group] : groups) {
    const Value step = job.input(inputs.step, {DType::i64, {1}});
    group.rate = job.input(inputs.rate, {DType::f32, {1}});
    if (job.loss_scale) group.rate = job.loss_scale->with_factor(group.rate);
    for (Update& u : adam_updates(optimizer, step, {{group}}, adam.value_or(options_.adam))) job.updates.push_back(u);
  }
}

void TrainingEngine::average(TrainingJob& job, Scopes scopes) const {
  if (options_.ema == 0) return;
  const Scope averaged(job.graph, average_name);
  const std::vector<Update> more = ema_updates(averaged, trainable(scopes), job.updates, averages(options_.ema));
  job.updates.insert(job.updates.end(), more.begin(), more.end());
}

TrainingJob& TrainingEngine::job(const std::string& name, const std::function<void(TrainingJob&)>& build) {
  std::unique_ptr<TrainingJob>& made = jobs_[name];
  if (made) return *made;
  auto j = std::make_unique<TrainingJob>();
  j->graph.share_batch(options_.run.ranks);
  j->precision = options_.run.precision;
  build(*j);
  if (j->loss_scale) guard_updates(*j);
  std::vector<Value> outputs;
  for (const auto& [key, v] : j->outputs) outputs.push_back(v);
  for (const auto& [key, v] : j->report) outputs.push_back(v);
  const TrainingOptions& run = options_.run;
  const Plan planned = plan(j->graph, outputs, j->updates,
                            {.device = run.device, .precision = j->precision, .threads = run.threads, .fold = false});
  require_same("the plan", planned.print());
  // Jobs run one after the other, in one memory: that of the first one, which as a rule has the most to keep.
  if (jobs_.size() == 1) parameters_->share_arena(planned.arena_bytes());
  j->executor = std::make_unique<Executor>(planned, *parameters_);
  made = std::move(j);
  return *made;
}

Batch TrainingEngine::run(TrainingJob& job, const Batch& inputs) const {
  for (const auto& [name, v] : job.inputs) {
    const auto given = inputs.find(name);
    check<ShapeError>(given != inputs.end(), "training: the batch has no '", name, "'");
    job.executor->set(v, given->second);
  }
  job.executor->run({.check_finite = options_.run.check_finite && !job.loss_scale});
  // A step that was left out changed no parameter, so it can be looked at afterwards.
  if (options_.run.check_finite && job.loss_scale && !reports_finite_numbers(job))
    job.executor->run({.check_finite = true});
  job.numbers.clear();
  for (const auto& [name, v] : job.report) job.numbers.push_back(job.executor->get(v).item());
  if (const auto& ranks = options_.run.ranks) {
    ranks->all_reduce(job.numbers);
    for (double& number : job.numbers) number /= ranks->ranks();
  }
  Batch results;
  for (const auto& [name, v] : job.outputs) results[name] = job.executor->get(v).to(DType::f32);
  return results;
}

void TrainingEngine::add_report(std::string_view stage, const TrainingJob& job, std::int64_t step,
                                StepReport& report) const {
  for (std::size_t i = 0; i < job.report.size(); ++i) {
    const std::string& name = job.report[i].first;
    const double value = job.numbers[i];
    check<NotFiniteError>(std::isfinite(value), "training step ", step, ": ", stage, '/', name, " is ", value,
                          "; the parameters are worthless now: go on from the last checkpoint with a lower rate");
    report.emplace_back(str(stage, '/', name), value);
  }
  check<NotFiniteError>(!job.loss_scale || job.executor->get(job.loss_scale->scale()).item() >= 1, "training step ",
                        step, ": ", stage, ": gradients are not finite even with a loss scale of 1: train in bf16");
}

StepReport TrainingEngine::only_step(const std::function<void(TrainingJob&)>& build, Batch batch, std::int64_t number,
                                     double rate) {
  batch["rate"] = real_number(rate);
  batch["step"] = whole_number(number);
  TrainingJob& only = job("train", build);
  run(only, batch);
  StepReport report;
  add_report("train", only, number, report);
  report.emplace_back("rate", rate);
  return report;
}

Parameters TrainingEngine::state() const { return parameters_->get(); }

Parameters TrainingEngine::averaged() const {
  const Parameters all = state();
  const std::string average = str(average_name, '/'), optimizer = str(optimizer_name, '/');
  Parameters used;
  for (const auto& [name, tensor] : all) {
    if (name.starts_with(average) || name.starts_with(optimizer)) continue;
    used.set(name, all.contains(average + name) ? all.at(average + name) : tensor);
  }
  return used;
}

}  // namespace g2face
