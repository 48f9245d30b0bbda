#include <map>

#include "compare.hpp"
#include "expression.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/losses.hpp"
#include "json_file.hpp"
#include "network_run.hpp"
#include "op_file.hpp"
#include "recorded.hpp"
#include "training_check.hpp"

namespace g2face::golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int step_count = 2;
constexpr double rate = 1e-3, linear_weight = 10;
// Of what is recorded in double, in single precision: the largest recorded discrepancy of a float run is 1.3e-5.
constexpr double limit = 5e-5;

class SmallTraining {
 public:
  SmallTraining(const fs::path& tensors, const NetworkFolders& folders, const NetworkOptions& options)
      : recorded_(Parameters::load(tensors)), arithmetic_(options.arithmetic) {
    const auto inputs = recorded_.all().metadata().find("inputs");
    check<FormatError>(inputs != recorded_.all().metadata().end(), "the metadata have no 'inputs'");
    expressions_ = json::parse(inputs->second);
    for (const std::string network : {"map_2_id", "style_mlp"}) {
      const Weights weights = Weights::make(folders.manifests, network);
      for (const auto& [name, tensor] : weights.tensors) start_.set(name, tensor);
      for (const std::string& name : weights.names) order_[network].push_back(name);
    }
  }

  void run(CaseResult& result) {
    build();
    const DeviceParameters parameters(arithmetic_.device, start_);
    std::vector<Value> outputs;
    for (const auto& [name, value] : results_) outputs.push_back(value);
    for (const auto& [network, rows] : gradients_)
      for (const auto& [name, value] : rows) outputs.push_back(value);
    Executor executor(plan(graph_, outputs, updates_,
                           {.device = arithmetic_.device,
                            .precision = arithmetic_.precision,
                            .threads = arithmetic_.threads,
                            .fold = false}),
                      parameters);
    executor.set(inputs_.at("target_id"), tensor("target_id"));
    executor.set(inputs_.at("w"), tensor("w"));
    executor.set(inputs_.at("rate"), Tensor::full({DType::f32, {1}}, rate));
    for (int step = 1; step <= step_count; ++step) {
      const std::string prefix = str("step", step, "/");
      executor.set(inputs_.at("z"), want(prefix + "z"));
      executor.set(inputs_.at("shape"), tensor("shape", step));
      executor.set(inputs_.at("step"), Tensor::full({DType::i64, {1}}, step));
      executor.run();
      compare(prefix, executor, parameters);
    }
    recorded_.require_all_asked();
    result.findings = std::move(findings_);
    result.not_compared = not_compared_;
  }

 private:
  const Tensor& want(const std::string& name) { return recorded_.want(name); }
  Tensor tensor(const char* input, int step = 0) const {
    Surroundings around;
    around.words = {{"step", std::to_string(step)}};
    return evaluate(expressions_.at(input).get<std::string>(), around);
  }
  Value input(const char* name, const Type& type) { return inputs_[name] = graph_.input(type, name); }

  void build() {
    const ModelConfig config;
    const Type z_type = recorded_.all().at("step1/z").type();
    check<FormatError>(z_type.shape.rank() == 2, "step1/z has shape ", z_type.shape, ", expected [N,values]");
    const std::int64_t n = z_type.shape[0];
    const Scope map_2_id_scope = Scope(graph_, "map_2_id").in_training(),
                mlp = Scope(graph_, "style_mlp").in_training();
    const Value z = input("z", z_type), shape = input("shape", {DType::f32, {n, ModelConfig::geometry_dim}});
    const Value target = input("target_id", {DType::f32, {n, config.identity_dim}});
    const Value w = input("w", {DType::f32, {n, config.style_count(), config.style_dim}});
    const Value identity = map_2_id(map_2_id_scope, z, config), styles = style_mlp(mlp, identity, shape, config);
    const auto& bands = config.style_bands;
    const Value d = diversity(identity), same = same_identity(identity, target),
                other = other_identity(identity, target);
    const Value linear = linear_weight * mean(styles * w), total = d + same + other + linear;
    results_ = {{"loss.diversity", d},
                {"loss.id_same", same},
                {"loss.id_diff", other},
                {"loss.linear", linear},
                {"loss.total", total},
                {"rand_id", identity},
                {"style", gather(styles, 1, {0, bands[0], bands[0] + bands[1]})}};
    const std::vector<Value> slopes = gradients(total, {z, shape});
    results_["grad_z"] = slopes[0];
    results_["grad_shape"] = slopes[1];

    AdamGroup group{input("rate", {DType::f32, {1}}), {}, {}};
    for (const Scope* s : {&map_2_id_scope, &mlp}) {
      const std::vector<Value> trainable = s->trainable();
      group.parameters.insert(group.parameters.end(), trainable.begin(), trainable.end());
      for (const Update& u : s->updates()) updates_.push_back(u);
    }
    group.gradients = gradients(total, group.parameters);
    for (std::size_t i = 0; i < group.parameters.size(); ++i) {
      const std::string& full = graph_.node(group.parameters[i]).name;
      const std::size_t slash = full.find('/');
      gradients_[full.substr(0, slash)][full.substr(slash + 1)] = group.gradients[i];
    }
    const Scope optimizer(graph_, "adam");
    for (const Update& u : adam_updates(optimizer, input("step", {DType::i64, {1}}), {{group}})) updates_.push_back(u);
    for (const Declared& kept : optimizer.declared()) start_.set(kept.name, Tensor::zeros(kept.type));
  }

  void found(const std::string& name, double error) {
    findings_.push_back({name, error, std::max(limit, network_limits(arithmetic_).output)});
  }
  void near(const std::string& name, const Tensor& got) { found(name, relative_l2(doubles(got), doubles(want(name)))); }
  void sampled(const std::string& name, const Tensor& got) {
    const std::vector<double> expected = doubles(want(name));
    found(name, relative_l2(scattered_sample(doubles(got), static_cast<std::int64_t>(expected.size())), expected));
  }

  void compare(const std::string& prefix, const Executor& executor, const DeviceParameters& parameters) {
    for (const auto& [name, value] : results_)
      if (!name.starts_with("grad_")) near(prefix + name, executor.get(value));
    for (const auto& [name, unused] : recorded_.all()) {
      if (!name.starts_with(prefix + "bn.")) continue;
      near(name, parameters.get("map_2_id/" + name.substr(prefix.size() + 3)));
    }
    if (arithmetic_.rough()) return leave_out_gradients(prefix);
    const Tensor dz = executor.get(results_.at("grad_z"));
    const std::vector<double> s = doubles(want(prefix + "grad_z.stats"));
    check<FormatError>(s.size() == 5, prefix, "grad_z.stats has ", s.size(), " elements, expected 5");
    found(prefix + "grad_z.stats", statistics_error(statistics(doubles(dz)), {s[0], s[1], s[2], s[3], s[4]}));
    sampled(prefix + "grad_z.sample", dz);
    sampled(prefix + "grad_shape.sample", executor.get(results_.at("grad_shape")));
    for (const auto& [network, rows] : gradients_) compare_rows(prefix, network, rows, executor, parameters);
  }

  /// And what they make of parameters.
  void leave_out_gradients(const std::string& prefix) {
    for (const auto& [name, unused] : recorded_.all()) {
      if (!name.starts_with(prefix + "grad_") && !name.starts_with(prefix + "param_")) continue;
      want(name);
      ++not_compared_;
    }
  }

  void compare_rows(const std::string& prefix, const std::string& network, const std::map<std::string, Value>& rows,
                    const Executor& executor, const DeviceParameters& parameters) {
    const std::vector<double> norms = doubles(want(str(prefix, "grad_l2.", network)));
    const Tensor slopes = want(str(prefix, "grad_sample.", network)),
                 after = want(str(prefix, "param_sample.", network));
    check<FormatError>(norms.size() == rows.size() && slopes.shape() == after.shape() && slopes.shape().rank() == 2,
                       prefix, network, ": tables of ", norms.size(), " rows, ", slopes.shape(), " and ", after.shape(),
                       " do not fit ", rows.size(), " parameters");
    const auto columns = slopes.shape()[1];
    std::vector<double> got_norms, got_slopes, got_after;
    for (const std::string& name : order_.at(network)) {
      const auto row = rows.find(name);
      if (row == rows.end()) continue;  // a buffer
      const std::vector<double> slope = doubles(executor.get(row->second));
      double square = 0;
      for (const double x : slope) square += x * x;
      got_norms.push_back(std::sqrt(square));
      const auto append = [&](std::vector<double>& to, const std::vector<double>& all) {
        const std::vector<double> sample = scattered_sample(all, columns);
        to.insert(to.end(), sample.begin(), sample.end());
      };
      append(got_slopes, slope);
      append(got_after, doubles(parameters.get(str(network, "/", name))));
    }
    found(str(prefix, "grad_l2.", network), relative_l2(got_norms, norms));
    found(str(prefix, "grad_sample.", network), relative_l2(got_slopes, doubles(slopes)));
    found(str(prefix, "param_sample.", network), relative_l2(got_after, doubles(after)));
  }

  Recorded recorded_;
  Parameters start_;
  json expressions_;
  Arithmetic arithmetic_;
  Graph graph_;
  std::map<std::string, Value> inputs_, results_;
  std::map<std::string, std::map<std::string, Value>> gradients_;  // by network and parameter
  std::map<std::string, std::vector<std::string>> order_;
  std::vector<Update> updates_;
  std::vector<Finding> findings_;
  std::size_t not_compared_ = 0;
};

}  // namespace

void check_train_small(const fs::path& tensors, const NetworkFolders& folders, const NetworkOptions& options,
                       CaseResult& result) {
  SmallTraining(tensors, folders, options).run(result);
}

}  // namespace g2face::golden
