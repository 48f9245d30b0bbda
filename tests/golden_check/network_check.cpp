#include "network_check.hpp"

#include <algorithm>
#include <chrono>

#include "compare.hpp"
#include "flow_check.hpp"
#include "network_file.hpp"
#include "network_run.hpp"
#include "op_file.hpp"
#include "training_check.hpp"

namespace g2face::golden {
namespace {

namespace fs = std::filesystem;

/// Elements of batch entry i.
std::vector<double> entry_of(const std::vector<double>& all, std::int64_t batch, std::int64_t i) {
  const auto size = static_cast<std::ptrdiff_t>(all.size()) / static_cast<std::ptrdiff_t>(batch);
  return {all.begin() + i * size, all.begin() + (i + 1) * size};
}

class NetworkCase {
 public:
  NetworkCase(const NetworkFile& file, const std::string& name, const Weights& weights, const NetworkOptions& options)
      : file_(file),
        case_(name),
        weights_(weights),
        options_(options),
        limits_(network_limits(options.arithmetic)),
        n_(file.network) {}

  std::vector<Finding> run(const NetworkAdapter& adapter, std::int64_t number, const std::function<Tensor()>& real) {
    const InputSource source = [&](const std::string& input, Surroundings around) {
      around.real_image = real;
      return evaluate(file_.expression(case_, input), around);
    };
    adapter.build(n_, number, source, tensors_);
    const std::string differences = disagreements(weights_, n_.scope.declared());
    check<FormatError>(differences.empty(), differences);
    check_output(adapter.logits);
    if (options_.stages) check_stages();
    require_all_results();
    return std::move(findings_);
  }

 private:
  bool has(const std::string& result) const { return file_.tensors.contains(case_ + "/" + result); }
  Tensor recorded(const std::string& result) {
    done_.push_back(result);
    return file_.tensors.at(case_ + "/" + result);
  }
  void found(const std::string& name, double error, double limit) { findings_.push_back({name, error, limit}); }

  /// The plan that users run: nothing but the output, every fusion allowed.
  void check_output(bool logits) {
    Executor executor = prepare(n_.graph, {n_.out}, weights_, options_.arithmetic);
    set_inputs(executor, n_, tensors_);
    executor.run();
    const Tensor out = executor.get(n_.out);
    const std::vector<double> got = doubles(out);
    if (has("out")) {
      const Tensor want = recorded("out");
      check<ShapeError>(same_shape(out.shape(), want.shape()), "the output has shape ", out.shape(), ", expected ",
                        want.shape());
      found("out", relative_l2(got, doubles(want)), limits_.output);
      if (logits) found("out (largest)", max_abs_difference(got, doubles(want)), limits_.logit);
    }
    if (has("out64")) found("out64", relative_l2(got, doubles(recorded("out64"))), limits_.output);
    compare_sampled("out", got);
    const std::int64_t batch = out.shape().rank() > 0 ? out.shape()[0] : 1;
    for (std::int64_t i = 0; i < batch; ++i) compare_sampled(str("out", i), entry_of(got, batch, i));
  }

  void compare_sampled(const std::string& name, const std::vector<double>& got) {
    if (has(name + ".stats")) {
      const std::vector<double> want = doubles(recorded(name + ".stats"));
      found(name + ".stats", statistics_error(statistics(got), five(want, name + ".stats")), limits_.stage);
    }
    if (has(name + ".sample")) {
      const std::vector<double> want = doubles(recorded(name + ".sample"));
      const auto count = static_cast<std::int64_t>(want.size());
      found(name + ".sample", relative_l2(scattered_sample(got, count), want), limits_.output);
    }
  }

  static std::array<double, 5> five(const std::vector<double>& v, const std::string& name) {
    check<FormatError>(v.size() == 5, name, " has ", v.size(), " elements, expected 5");
    return {v[0], v[1], v[2], v[3], v[4]};
  }

  void check_stages() {
    std::vector<Stage> stages = file_.stages(case_);
    std::vector<Value> values;
    for (const Stage& s : stages) values.push_back(n_.graph.marked(n_.name + "/" + s.name));
    // Terms of a sum are recorded without being stages.
    std::vector<std::string> terms;
    for (const auto& [name, unused] : file_.tensors)
      if (name.starts_with(case_ + "/per_layer.")) terms.push_back(name.substr(case_.size() + 1));
    for (const std::string& t : terms) values.push_back(n_.graph.marked(n_.name + "/" + t));

    Executor executor = prepare(n_.graph, values, weights_, options_.arithmetic);
    set_inputs(executor, n_, tensors_);
    executor.run();
    const Tensor statistics_table = recorded("stage_stats"), sample_table = recorded("stage_sample");
    const auto rows = static_cast<std::int64_t>(stages.size());
    check<FormatError>(statistics_table.shape() == Shape{rows, 5}, "stage_stats has shape ", statistics_table.shape(),
                       ", expected [", rows, ",5]");
    check<FormatError>(sample_table.shape().rank() == 2 && sample_table.shape()[0] == rows, "stage_sample has shape ",
                       sample_table.shape(), ", expected ", rows, " rows");
    const std::vector<double> want_statistics = doubles(statistics_table), want_samples = doubles(sample_table);
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const Tensor t = executor.get(values[i]);
      check<ShapeError>(t.shape() == stages[i].shape, "stage ", stages[i].name, " has shape ", t.shape(), ", expected ",
                        stages[i].shape);
      const std::vector<double> got = doubles(t);
      const auto row = static_cast<std::int64_t>(i);
      found(stages[i].name + " stats",
            statistics_error(statistics(got), five(entry_of(want_statistics, rows, row), "stage_stats")),
            limits_.stage);
      const std::vector<double> want = entry_of(want_samples, rows, row);
      found(stages[i].name + " sample",
            relative_l2(scattered_sample(got, static_cast<std::int64_t>(want.size())), want), limits_.stage);
    }
    for (std::size_t i = 0; i < terms.size(); ++i)
      found(terms[i], relative_l2(doubles(executor.get(values[stages.size() + i])), doubles(recorded(terms[i]))),
            limits_.output);
  }

  void require_all_results() const {
    std::string left;
    for (const auto& [name, unused] : file_.tensors) {
      if (!name.starts_with(case_ + "/")) continue;
      const std::string result = name.substr(case_.size() + 1);
      const bool inner = result.starts_with("stage_") || result.starts_with("per_layer.");
      if (!(inner && !options_.stages) && std::find(done_.begin(), done_.end(), result) == done_.end())
        left += " " + result;
    }
    check<FormatError>(left.empty(), "nothing was computed for", left);
  }

  const NetworkFile& file_;
  const std::string& case_;
  const Weights& weights_;
  const NetworkOptions& options_;
  NetworkLimits limits_;
  NetworkGraph n_;
  InputTensors tensors_;
  std::vector<Finding> findings_;
  std::vector<std::string> done_;
};

/// Runs a check, turning what it throws into a failed case.
CaseResult timed(const std::string& name, const std::function<void(CaseResult&)>& check_it) {
  CaseResult result;
  result.name = name;
  const auto begin = std::chrono::steady_clock::now();
  try {
    check_it(result);
  } catch (const std::exception& e) {
    result.message = e.what();
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

/// The recorded hash says whether the weights are right before any network runs with them.
std::vector<Finding> check_weights(const Weights& w, const NetworkFolders& folders) {
  const std::optional<Checksums> sums = checksums(folders.manifests, w);
  if (!sums) return {};
  check<FormatError>(sums->got == sums->want, "the weights have SHA-256 ", sums->got, ", expected ", sums->want);
  return {{"SHA-256 of weights", 0, 0}};
}

void check_network(const fs::path& path, const NetworkFolders& folders, const NetworkOptions& options, Report& report) {
  const NetworkFile file = NetworkFile::load(path);
  const std::string stem = path.stem().string();
  std::vector<std::string> cases;
  for (const std::string& c : file.cases)
    if (options.wanted(stem + "/" + c)) cases.push_back(c);
  if (cases.empty()) return;
  const FoundNetwork found = find_network(file.network);
  check<FormatError>(found.adapter != nullptr, "unknown network '", file.network, "'");

  std::optional<Weights> weights;
  Tensor picture;
  const auto real = [&] {
    if (!picture) picture = real_image(folders, fs::absolute(path).parent_path());
    return picture;
  };
  for (const std::string& c : cases)
    report.add(timed(stem + "/" + c, [&](CaseResult& result) {
      std::vector<Finding> first;
      if (!weights) {
        weights = options.model
                      ? Weights::of_model(folders.manifests, file.network, *options.model, found.adapter->in_model)
                      : Weights::make(folders.manifests, file.network);
        first = check_weights(*weights, folders);
      }
      std::vector<Finding> rest = NetworkCase(file, c, *weights, options).run(*found.adapter, found.number, real);
      rest.insert(rest.begin(), first.begin(), first.end());
      result.findings = std::move(rest);
    }));
}

}  // namespace

void check_network_file(const fs::path& path, const NetworkFolders& folders, const NetworkOptions& options,
                        Report& report) {
  const std::string stem = path.stem().string();
  const auto one_case = [&](const std::function<void(CaseResult&)>& check_it) {
    if (options.wanted(stem)) report.add(timed(stem, check_it));
  };
  const fs::path tensors = fs::path(path).replace_extension(".safetensors");
  if (stem == "train_step") return one_case([&](CaseResult& r) { check_train_step(tensors, folders, options, r); });
  if (stem == "train_small") return one_case([&](CaseResult& r) { check_train_small(tensors, folders, options, r); });
  if (stem == "lr_schedule")
    return one_case([&](CaseResult& r) { check_schedule(fs::path(path).replace_extension(".json"), r); });
  try {
    check<FormatError>(fs::exists(tensors), tensors.string(), ": is missing beside ", path.filename().string());
    if (is_flow(tensors)) {
      one_case([&](CaseResult& result) { check_flow(tensors, folders, options, result); });
    } else {
      check_network(tensors, folders, options, report);
    }
  } catch (const std::exception& e) {
    if (options.wanted(stem)) report.add(failed(stem, e.what()));
  }
}

}  // namespace g2face::golden
