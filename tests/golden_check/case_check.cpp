#include "case_check.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "compare.hpp"
#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "io/matlab.hpp"
#include "op_adapters.hpp"

namespace g2face::golden {
namespace {

/// Something to compute and what to compare it with.
struct Wanted {
  std::string name;  // "grad.x"
  Value value;
  Result kind = Result::output;
};

class OpCheck {
 public:
  OpCheck(const OpCase& golden, const OpAdapter& adapter, const Arithmetic& arithmetic)
      : case_(golden), adapter_(adapter), arithmetic_(arithmetic), builder_(golden, graph_) {}

  static constexpr const char* at_a_neighbour = " (at a neighbour)";

  std::vector<Finding> run() {
    check_fills();
    outputs_ = adapter_.build(builder_);
    if (const auto it = outputs_.find(""); it != outputs_.end()) {
      outputs_[only_output_name()] = it->second;
      outputs_.erase("");
    }
    bind_parameters();
    find_batch();
    check_known_outputs();

    std::vector<Wanted> results;
    for (const auto& [name, output] : outputs_)
      if (output.value) results.push_back({"output." + name, output.value, Result::output});
    for (const Update& u : builder_.scope().updates())
      if (case_.has("state_after." + u.name)) results.push_back({"state_after." + u.name, u.value, Result::output});
    execute(results, true, results.size());

    if (arithmetic_.rough()) {
      leave_derivatives();
    } else if (std::vector<Wanted> derivatives = first_order(); !derivatives.empty()) {
      append(derivatives, second_order());
      append(derivatives, penalty());
      // Outputs are computed again, in the form that leaves what gradients need.
      const std::size_t fresh = derivatives.size();
      append(derivatives, results);
      execute(derivatives, false, fresh);
    }
    require_all_results();
    return std::move(findings_);
  }
  /// How many recorded derivatives rough arithmetic left out.
  std::size_t not_compared() const { return not_compared_; }

 private:
  static void append(std::vector<Wanted>& to, std::vector<Wanted> from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }

  /// Tensors that are both stored and given by the fill rule test the rule.
  void check_fills() {
    const auto fills = case_.attr().find("fill");
    if (fills == case_.attr().end()) return;
    double worst = 0;
    bool any = false;
    for (const auto& item : fills->items()) {
      const std::optional<Tensor> made = case_.made(item.key());
      if (!made) continue;
      const Tensor stored = case_.get(item.key());
      check<FormatError>(stored.shape() == made->shape(), "tensor '", item.key(), "' is stored as ", stored.shape(),
                         ", but its fill entry says ", made->shape());
      worst = std::max(worst, share_of_differences(doubles(*made), doubles(stored)));
      any = true;
    }
    if (any) findings_.push_back({"fill rule", worst, 0});
  }

  std::string only_output_name() const {
    std::vector<std::string> names = case_.names("output");
    names.erase(std::remove(names.begin(), names.end(), "r1"), names.end());
    check<FormatError>(names.size() == 1, "op '", case_.op(), "' has one output, but the case records ", names.size());
    return names[0];
  }

  void bind_parameters() {
    std::string missing;
    for (const Declared& d : builder_.scope().declared()) {
      Tensor t;
      if (case_.has("param." + d.name))
        t = case_.get("param." + d.name);
      else if (const Tensor lent = builder_.lent(d.name))
        t = lent;
      else if (d.init.kind == Init::Kind::values || d.type.dtype == DType::i64)
        t = d.init.values ? d.init.values : Tensor::zeros(d.type);  // constants, counters
      else
        t = case_.borrowed("param." + d.name);
      if (t)
        parameters_.set(d.name, t);
      else
        missing += " " + d.name;
      values_[d.name] = d.value;
    }
    check<FormatError>(missing.empty(), "the case lacks parameters of the module:", missing);
    for (const std::string& key : case_.names("param"))
      check<FormatError>(values_.contains(key), "the module has no parameter '", key, "'");
  }

  void find_batch() {
    const auto& inputs = builder_.inputs();
    if (!inputs.empty() && inputs.begin()->second.second.shape().rank() > 0)
      batch_ = inputs.begin()->second.second.shape()[0];
  }

  /// A graph input with a recorded tensor ("cotangent.y").
  Value recorded_input(const std::string& name, const Shape& shape) {
    if (const auto it = extra_.find(name); it != extra_.end()) return it->second.first;
    Tensor t = case_.get(name);
    check<FormatError>(same_shape(shape, t.shape()), "tensor '", name, "' has shape ", t.shape(), ", expected ", shape);
    t = t.to(DType::f32).reshape(shape);
    const Value v = graph_.input(t.type(), name);
    extra_.emplace(name, std::pair(v, t));
    return v;
  }

  /// The input or parameter of that name.
  Value source(const std::string& name) {
    if (const auto it = builder_.inputs().find(name); it != builder_.inputs().end()) return it->second.first;
    const auto it = values_.find(name);
    check<FormatError>(it != values_.end(), "a gradient is recorded for '", name,
                       "', which is neither an input nor a parameter");
    return it->second;
  }

  /// Names of recorded results of a kind ("grad"), whole or as digests.
  std::vector<std::string> recorded(const std::string& kind) const {
    std::vector<std::string> names = case_.names(kind);
    for (const std::string& digest : case_.names("digest"))
      if (digest.starts_with(kind + ".")) names.push_back(digest.substr(kind.size() + 1));
    return names;
  }

  void leave_derivatives() {
    std::vector<std::string> left;
    for (const char* kind : {"grad", "gradgrad", "r1grad"})
      for (const std::string& n : recorded(kind)) left.push_back(str(kind, '.', n));
    if (has_penalty()) left.emplace_back("output.r1");
    not_compared_ = left.size();
    done_.insert(done_.end(), left.begin(), left.end());
  }

  std::vector<Value> sources(const std::vector<std::string>& names) {
    std::vector<Value> values;
    for (const std::string& n : names) values.push_back(source(n));
    return values;
  }

  static std::vector<Wanted> wanted(const std::string& kind, const std::vector<std::string>& names,
                                    const std::vector<Value>& values, Result result) {
    std::vector<Wanted> w;
    for (std::size_t i = 0; i < names.size(); ++i) w.push_back({kind + "." + names[i], values[i], result});
    return w;
  }

  /// grad.*: of the sum over outputs of <output, cotangent>.
  std::vector<Wanted> first_order() {
    const std::vector<std::string> cotangents = case_.names("cotangent");
    if (cotangents.empty()) return {};
    for (const std::string& name : cotangents) {
      const auto output = outputs_.find(name);
      check<FormatError>(output != outputs_.end() && output->second.value, "there is a cotangent for '", name,
                         "', which is no output");
      differentiated_.push_back(output->second.value);
      cotangents_.push_back(recorded_input("cotangent." + name, output->second.value.shape()));
    }
    std::vector<std::string> names = recorded("grad");
    // A second-order case may leave out a gradient that its text multiplies.
    for (const std::string& n : case_.names("cotangent2"))
      if (std::find(names.begin(), names.end(), n) == names.end()) names.push_back(n);
    const std::vector<Value> values = gradients(differentiated_, cotangents_, sources(names));
    for (std::size_t i = 0; i < names.size(); ++i) gradient_[names[i]] = values[i];
    return wanted("grad", names, values, Result::gradient);
  }

  /// gradgrad.*: of the sum of <grad.n, cotangent2.n>, for cotangents, inputs and parameters.
  std::vector<Wanted> second_order() {
    const std::vector<std::string> names = recorded("gradgrad");
    if (names.empty()) return {};
    std::vector<Value> y, dy, of;
    for (const std::string& n : case_.names("cotangent2")) {
      y.push_back(gradient_.at(n));
      dy.push_back(recorded_input("cotangent2." + n, y.back().shape()));
    }
    check<FormatError>(!y.empty(), "gradgrad.", names[0], " is recorded without a cotangent2");
    for (const std::string& n : names) {
      const auto cotangent = extra_.find("cotangent." + n);
      of.push_back(cotangent != extra_.end() ? cotangent->second.first : source(n));
    }
    return wanted("gradgrad", names, gradients(y, dy, of), Result::second_order);
  }

  bool has_penalty() const { return case_.has("output.r1") && !outputs_.contains("r1"); }

  /// output.r1: mean over samples of the squared norm of the gradient of the summed predictions for the image.
  std::vector<Wanted> penalty() {
    if (!has_penalty()) return {};
    check<FormatError>(differentiated_.size() == 1 && builder_.inputs().size() == 1,
                       "output.r1 needs one prediction and one image");
    const Value image = builder_.inputs().begin()->second.first;
    const Value slope = gradients(sum(differentiated_[0]), {image})[0];
    const Value r1 = sum(square(slope)) / static_cast<double>(image.shape()[0]);
    std::vector<Wanted> w = {{"output.r1", r1, Result::output}};
    std::vector<std::string> names = recorded("r1grad");
    for (const std::string& zero : case_.list("r1grad_zero")) {
      check<FormatError>(zero.starts_with("param."), "attribute 'r1grad_zero' names '", zero, "', expected param.*");
      names.push_back(zero.substr(6));
    }
    append(w, wanted("r1grad", names, gradients(r1, sources(names)), Result::r1_gradient));
    return w;
  }

  /// Results from number `again` on have been compared before, in another plan.
  void execute(const std::vector<Wanted>& results, bool fold, std::size_t again) {
    if (results.empty()) return;
    std::vector<Value> values;
    for (const Wanted& w : results) values.push_back(w.value);
    PlanOptions options;
    options.device = arithmetic_.device;
    options.precision = arithmetic_.precision;
    options.threads = arithmetic_.threads;
    options.fold = fold;
    Executor executor(plan(graph_, values, options), &parameters_);
    const std::size_t begin = findings_.size();
    compare_at(executor, 0, results, again);
    if (fold || arithmetic_.in_double() || all_ok(begin)) return;
    const std::vector<Finding> here = findings_;
    for (int neighbour = 1; neighbour <= neighbours; ++neighbour) {
      findings_.resize(begin);
      compare_at(executor, neighbour, results, again);
      if (!all_ok(begin)) continue;
      for (std::size_t i = begin; i < findings_.size(); ++i)
        if (!here[i].ok()) findings_[i].tensor += at_a_neighbour;
      return;
    }
    findings_ = here;
  }

  bool all_ok(std::size_t begin) const {
    return std::all_of(findings_.begin() + static_cast<std::ptrdiff_t>(begin), findings_.end(),
                       [](const Finding& f) { return f.ok(); });
  }

  /// Gradients of piecewise linear networks jump where an activation changes sign. One that is zero to within rounding
  /// takes the other side in single precision, and the whole gradient is that of the other side: right, but not near.
  /// So a gradient also counts as right if it is near at an input whose elements are off by a few units in the last
  /// place, of which some are tried. A wrong gradient is wrong there too.
  static constexpr int neighbours = 12;
  static constexpr double neighbourhood = 3e-7;

  static Tensor moved(const Tensor& t, int neighbour, const std::string& name) {
    if (neighbour == 0) return t;
    Tensor m = t.clone();
    const Tensor noise = fill(str("neighbour", neighbour, '/', name), t.shape(), neighbourhood);
    const auto values = m.mutable_as<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += values[i] * noise.as<float>()[i];
    return m;
  }

  void compare_at(Executor& executor, int neighbour, const std::vector<Wanted>& results, std::size_t again) {
    for (const auto& [name, input] : builder_.inputs()) executor.set(input.first, moved(input.second, neighbour, name));
    for (const auto& [name, input] : extra_) executor.set(input.first, input.second);
    executor.run({.poison = true});
    std::map<std::string, double> sizes;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const Wanted& w = results[i];
      const Tensor got = executor.get(w.value);
      sizes[w.name] = max_abs(doubles(got));
      if (!is_zero(w.name)) compare(w.name, got, w.kind, i < again ? "" : " (with gradients)");
    }
    for (const Wanted& w : results)
      if (is_zero(w.name)) compare_with_zero(w.name, sizes);
  }

  bool is_zero(const std::string& name) const {
    const auto listed = [&](const std::string& key, const std::string& entry) {
      const std::vector<std::string> l = case_.list(key);
      return std::find(l.begin(), l.end(), entry) != l.end();
    };
    return listed("zero_by_theory", name) ||
           (name.starts_with("r1grad.") && listed("r1grad_zero", "param." + name.substr(7)));
  }

  /// The yardstick is the weight of the same layer, or where that has no gradient here the largest of all.
  void compare_with_zero(const std::string& name, const std::map<std::string, double>& sizes) {
    double scale = 0;
    if (name.ends_with("bias"))
      if (const auto it = sizes.find(name.substr(0, name.size() - 4) + "weight"); it != sizes.end()) scale = it->second;
    if (!(scale > 0))
      for (const auto& [other, size] : sizes)
        if (other.starts_with(name.substr(0, name.find('.') + 1))) scale = std::max(scale, size);
    const double size = sizes.at(name);
    findings_.push_back({name, size > 0 ? size / scale : size, zero_gradient_limit});
    done_.push_back(name);
  }

  void compare(const std::string& name, const Tensor& got, Result kind, const std::string& note) {
    if (case_.has("digest." + name)) {
      compare_digest(name, doubles(got), kind, note);
      return;
    }
    if (!case_.has(name)) {
      check<FormatError>(name.starts_with("grad."), "the case records no '", name, "'");
      return;  // needed for the second order only
    }
    const auto output = name.starts_with("output.") ? outputs_.find(name.substr(7)) : outputs_.end();
    const bool replaced = output != outputs_.end() && output->second.expected;
    compare_with(name, got, replaced ? output->second.expected : case_.get(name), kind, note);
  }

  void compare_with(const std::string& name, const Tensor& got, const Tensor& want, Result kind,
                    const std::string& note) {
    done_.push_back(name);
    check<ShapeError>(same_shape(got.shape(), want.shape()), name, " has shape ", got.shape(), ", expected ",
                      want.shape());
    if (adapter_.exact)
      findings_.push_back({name + note, share_of_differences(doubles(got), doubles(want)), 0});
    else
      findings_.push_back({name + note, relative_l2(doubles(got), doubles(want)), limit(name, kind)});
  }

  void compare_digest(const std::string& name, const std::vector<double>& got, Result kind, const std::string& note) {
    done_.push_back(name);
    const double most = limit(name, kind);
    findings_.push_back(
        {"digest." + name + note, relative_l2(digest(got), doubles(case_.get("digest." + name))), most});
    if (case_.has("sample." + name))
      findings_.push_back(
          {"sample." + name + note, relative_l2(even_sample(got), doubles(case_.get("sample." + name))), most});
  }

  double limit(const std::string& name, Result kind) const {
    return op_limit({.family = adapter_.family,
                     .result = kind,
                     .name = name.substr(name.find('.') + 1),
                     .op = case_.op(),
                     .batch = batch_},
                    arithmetic_);
  }

  void check_known_outputs() {
    for (const auto& [name, output] : outputs_) {
      check<FormatError>(case_.has("output." + name) || case_.has("digest.output." + name), "op '", case_.op(),
                         "' gives an output '", name, "', which the case does not record");
      if (output.tensor) compare_with("output." + name, output.tensor, case_.get("output." + name), Result::output, "");
    }
  }

  /// Everything that is recorded has been compared.
  void require_all_results() const {
    std::string left;
    for (const char* kind : {"output", "grad", "gradgrad", "r1grad", "state_after"})
      for (const std::string& n : recorded(kind))
        if (const std::string name = str(kind, '.', n); std::find(done_.begin(), done_.end(), name) == done_.end())
          left += " " + name;
    check<FormatError>(left.empty(), "nothing was computed for", left);
  }

  const OpCase& case_;
  const OpAdapter& adapter_;
  const Arithmetic& arithmetic_;
  Graph graph_;
  CaseBuilder builder_;
  Outputs outputs_;
  Parameters parameters_;
  std::map<std::string, Value> values_, gradient_;
  std::map<std::string, std::pair<Value, Tensor>> extra_;
  std::vector<Value> differentiated_, cotangents_;
  std::vector<Finding> findings_;
  std::vector<std::string> done_;
  std::int64_t batch_ = 0;
  std::size_t not_compared_ = 0;
};

}  // namespace

std::int64_t parameter_count(const OpFile& file, const std::string& case_name) {
  const OpCase golden(file, case_name);
  std::int64_t n = 0;
  for (const std::string& key : golden.names("param")) n += golden.shape("param." + key).numel();
  return n;
}

CaseResult check_op_case(const OpFile& file, const std::string& case_name, const std::string& name,
                         const Arithmetic& arithmetic) {
  const auto begin = std::chrono::steady_clock::now();
  CaseResult result;
  result.name = name;
  try {
    const OpCase golden(file, case_name);
    const OpAdapter* adapter = find_adapter(golden.op());
    if (adapter != nullptr && adapter->family == 'l' && !io::has_matlab()) {
      result = not_yet(name, "this build reads no MATLAB files");
    } else if (adapter != nullptr) {
      OpCheck op_check(golden, *adapter, arithmetic);
      result.findings = op_check.run();
      result.not_compared = op_check.not_compared();
    } else {
      result = failed(name, str("unknown op '", golden.op(), "' in family '", file.family(), "'"));
    }
  } catch (const std::exception& e) {
    result.message = e.what();
  }
  const auto moved = std::count_if(result.findings.begin(), result.findings.end(),
                                   [](const Finding& f) { return f.tensor.ends_with(OpCheck::at_a_neighbour); });
  if (moved > 0 && result.status() == Status::passed)
    result.note = str(moved, " results beside a kink, compared at an input 3e-7 away");
  if (result.not_compared > 0) result.note = str(result.not_compared, " gradients not compared");
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace g2face::golden
