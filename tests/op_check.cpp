#include "op_check.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <set>
#include <sstream>
#include <utility>

#include "g2face/graph/gradients.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face {
namespace {

constexpr double step = 0x1p-16;                 // of central differences
constexpr std::int64_t each_element_up_to = 32;  // larger inputs are varied along a few dense directions
constexpr int directions = 8;

std::uint64_t scramble(std::uint64_t z) {  // the finalizer of splitmix64 (Steele et al. 2014)
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/// A case as a graph: y = op(x), dx from the cotangents dy of y, ddx and ddy from the cotangents c of dx.
struct Case {
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  std::vector<Value> x, y, dy, dx, c, second;  // second: with respect to x, then dy
  std::vector<std::size_t> wanted;             // which x have gradients
  std::vector<std::pair<Value, Tensor>> inputs;
  Parameters parameters;

  void feed(Executor& run) const {
    for (const auto& [value, tensor] : inputs) run.set(value, tensor);
  }
};

struct CaseOptions {
  DType real = DType::f32;  // in place of f32
  bool parameters = false;  // inputs after the first are parameters
  int order = 0;            // of derivatives
};

Case make_case(const OpDef& op, const CheckInputs& in, const How& how, const CaseOptions& options) {
  Case k;
  Graph& g = *k.graph;
  g.path = "model/layer";
  const auto add_input = [&](const CheckInput& input, const std::string& name, std::size_t place, bool parameter) {
    const DType dtype = input.dtype == DType::f32 ? options.real : input.dtype;
    const Tensor values = check_values(input, place).to(dtype);
    const Type type{dtype, input.shape};
    if (parameter) {
      k.parameters.set(name, values);
      return g.parameter(type, name);
    }
    const Value v = g.input(type, name);
    k.inputs.emplace_back(v, values);
    return v;
  };
  for (std::size_t i = 0; i < in.size(); ++i)
    k.x.push_back(add_input(in[i], str("x", i), i, options.parameters && i > 0));
  k.y = how(op, k.x);
  if (options.order < 1) return k;

  std::vector<Value> wrt;
  for (std::size_t i = 0; i < k.x.size(); ++i) {
    if (!is_float(k.x[i].dtype())) continue;
    wrt.push_back(k.x[i]);
    k.wanted.push_back(i);
  }
  for (std::size_t o = 0; o < k.y.size(); ++o)
    k.dy.push_back(add_input({k.y[o].shape()}, str("dy", o), in.size() + o, false));
  k.dx = gradients(k.y, k.dy, wrt);
  if (options.order < 2) return k;

  for (std::size_t i = 0; i < k.dx.size(); ++i)
    k.c.push_back(add_input({k.dx[i].shape()}, str("c", i), in.size() + k.y.size() + i, false));
  wrt.insert(wrt.end(), k.dy.begin(), k.dy.end());
  k.second = gradients(k.dx, k.c, wrt);
  return k;
}

bool has_node_of(const Graph& graph, const OpDef& op) {
  for (int i = 0; i < graph.size(); ++i)
    if (graph.node(i).op == &op) return true;
  return false;
}

std::vector<Tensor> run_all(Executor& run, std::span<const Value> outputs, bool poison) {
  run.run({.check_finite = false, .poison = poison});
  std::vector<Tensor> results;
  for (const Value& v : outputs) results.push_back(run.get(v));
  return results;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

double dot(const Tensor& a, const Tensor& b) {
  const auto x = a.as<double>();
  const auto y = b.as<double>();
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
}

/// Directions in which an input is varied: its axes if it is small, else a few dense ones.
std::vector<Tensor> directions_of(const Shape& shape) {
  const std::int64_t n = shape.numel();
  const bool axes = n <= each_element_up_to;
  std::vector<Tensor> result;
  for (std::int64_t d = 0; d < (axes ? n : directions); ++d) {
    Tensor v = Tensor::zeros({DType::f64, shape});
    const auto elements = v.mutable_as<double>();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const std::uint64_t hash = scramble(i * 0x9E3779B97F4A7C15u + static_cast<std::uint64_t>(d) + 1);
      elements[i] = axes ? (static_cast<std::int64_t>(i) == d ? 1 : 0)
                         : (0.5 + static_cast<double>(hash >> 40) * 0x1p-25) * ((hash & 1u) != 0 ? 1 : -1);
    }
    result.push_back(v);
  }
  return result;
}

/// The relative error of `gradient`, said to be that of <values, weights> with respect to `input`.
double difference_error(const Case& k, Executor& run, std::span<const Value> values, std::span<const Value> weights,
                        Value input, const Tensor& gradient) {
  const auto tensor_of = [&](Value v) {
    return std::find_if(k.inputs.begin(), k.inputs.end(), [&](const auto& entry) { return entry.first == v; })->second;
  };
  const Tensor at = tensor_of(input);
  const auto weighted_at = [&](const Tensor& direction, double distance) {
    Tensor moved = at.clone();
    const auto elements = moved.mutable_as<double>();
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] += distance * direction.as<double>()[i];
    run.set(input, moved);
    run.run();
    double sum = 0;
    for (std::size_t o = 0; o < values.size(); ++o) sum += dot(run.get(values[o]), tensor_of(weights[o]));
    return sum;
  };
  double wrong = 0, norm = 0;
  for (const Tensor& v : directions_of(at.shape())) {
    const double said = dot(gradient, v);
    const double difference = (weighted_at(v, step) - weighted_at(v, -step)) / (2 * step);
    wrong += (said - difference) * (said - difference);
    norm += said * said;
  }
  run.set(input, at);
  return norm > 0 ? std::sqrt(wrong / norm) : std::sqrt(wrong);
}

void check_differences(const OpDef& op, const CheckInputs& in, const How& how, double limit, std::ostream& problems) {
  const Case k = make_case(op, in, how, {.real = DType::f64, .parameters = false, .order = 2});
  const auto check_all = [&](std::span<const Value> values, std::span<const Value> weights,
                             std::span<const Value> gradients, std::span<const Value> variables, const char* what) {
    const PlanOptions reference{.device = Device::reference()};
    Executor analytic(plan(*k.graph, gradients, reference));
    Executor numeric(plan(*k.graph, values, reference));
    k.feed(analytic);
    k.feed(numeric);
    const std::vector<Tensor> said = run_all(analytic, gradients, false);
    for (std::size_t i = 0; i < said.size(); ++i) {
      const double error = difference_error(k, numeric, values, weights, variables[i], said[i]);
      if (!(error <= limit))
        problems << what << " with respect to " << k.graph->node(variables[i]).name
                 << " differs from central differences by " << error << "\n";
    }
  };
  std::vector<Value> variables;
  for (const std::size_t i : k.wanted) variables.push_back(k.x[i]);
  check_all(k.y, k.dy, k.dx, variables, "the gradient");
  variables.insert(variables.end(), k.dy.begin(), k.dy.end());
  check_all(k.dx, k.c, k.second, variables, "the gradient of the gradient");
}

// An op of the library has a kernel or a formula on every device; one that a test makes up has none on CUDA.
std::vector<Device> fast_devices(const OpDef& op) {
  std::vector<Device> devices{Device::cpu()};
  const auto ops = all_ops();
  const bool of_library = std::find(ops.begin(), ops.end(), &op) != ops.end();
  if (of_library && Device::cuda_count() > 0) devices.push_back(Device::cuda());
  return devices;
}

void compare_devices(const OpDef& op, const Case& k, const CheckLimits& limits, std::ostream& problems) {
  std::vector<Value> outputs = k.y;
  outputs.insert(outputs.end(), k.dx.begin(), k.dx.end());
  Executor reference(plan(*k.graph, outputs, {.device = Device::reference()}), &k.parameters);
  k.feed(reference);
  const std::vector<Tensor> want = run_all(reference, outputs, false);
  for (std::size_t o = 0; o < outputs.size(); ++o)
    if (want[o].shape() != outputs[o].shape()) problems << "a result has a shape that was not inferred\n";

  struct Setting {
    Precision precision;
    bool fold, fuse;
    const char* text;
  };
  for (const Device& device : fast_devices(op)) {
    std::set<std::string> plans;
    for (const Setting& s : {Setting{Precision::strict, true, true, "strict"},
                             Setting{Precision::strict, false, false, "strict, neither folded nor fused"},
                             Setting{Precision::fast, true, true, "fast"}}) {
      PlanOptions options{.device = device, .precision = s.precision};
      options.fold = s.fold;
      options.fuse = s.fuse;
      Plan made = plan(*k.graph, outputs, options);
      // On the host's stand-in for CUDA a run is slow; there the same kernels give the same result.
      if (device.kind == Device::Kind::cuda && !plans.insert(made.print()).second) continue;
      Executor run(std::move(made), &k.parameters);
      k.feed(run);
      const std::vector<Tensor> got = run_all(run, outputs, true);
      const std::vector<Tensor> again = run_all(run, outputs, false);
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        const bool is_gradient = o >= k.y.size();
        const std::string what = is_gradient ? str("gradient ", o - k.y.size()) : str("result ", o);
        const double limit = (s.precision == Precision::strict ? limits.strict : limits.fast) *
                             (is_gradient ? limits.gradient_factor : 1);
        const double error = relative_error(got[o], want[o]);
        if (!(error <= limit))
          problems << what << " on " << device << " (" << s.text << ") differs from the reference by " << error << "\n";
        if (!same_bits(got[o], again[o]))
          problems << what << " on " << device << " (" << s.text << ") changes from run to run\n";
      }
    }
  }
}

std::string describe(const OpDef& op, const CheckInputs& in) {
  std::string text(op.name);
  for (const CheckInput& input : in) text += ' ' + Type{input.dtype, input.shape}.str();
  return text;
}

}  // namespace

std::vector<Value> How::add(const OpDef& op, const std::vector<Value>& in, const Attrs& attrs) {
  const Value first = in.at(0).graph->add(op, in, attrs);
  std::vector<Value> outputs;
  for (std::size_t o = 0; o < first.graph->node(first).types.size(); ++o)
    outputs.push_back({first.graph, first.node, static_cast<int>(o)});
  return outputs;
}

Tensor check_values(const CheckInput& input, std::size_t place) {
  constexpr double offsets[] = {0.382, 0.552, 0.722, 0.892, 0.062, 0.312, 0.612, 0.812};
  const auto n = static_cast<std::size_t>(input.shape.numel());
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto rank_of = [&](std::size_t i) { return scramble((i + 1) * 0x9E3779B97F4A7C15u + place + 1); };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rank_of(a) < rank_of(b); });
  Tensor values({DType::f64, input.shape});
  const auto out = values.mutable_as<double>();
  for (std::size_t i = 0; i < n; ++i) {
    const double u = (static_cast<double>(order[i]) + offsets[place % 8]) / static_cast<double>(n);
    out[i] = input.range.low + (input.range.high - input.range.low) * u;
  }
  // Every device starts from the same f32 numbers, whatever it computes in.
  return is_float(input.dtype) ? values.to(DType::f32).to(input.dtype) : values.to(input.dtype);
}

std::string OpCheck::problems(const CheckInputs& in, const How& how) const {
  std::ostringstream problems;
  const int order = limits_.gradient ? 1 : 0;
  const Case k = make_case(op_, in, how, {.real = DType::f32, .parameters = false, .order = order});
  if (!has_node_of(*k.graph, op_)) problems << "the case does not use " << op_.name << "\n";
  compare_devices(op_, k, limits_, problems);
  if (in.size() > 1)
    compare_devices(op_, make_case(op_, in, how, {.real = DType::f32, .parameters = true, .order = order}), limits_,
                    problems);
  if (limits_.gradient && limits_.differences > 0) check_differences(op_, in, how, limits_.differences, problems);
  return problems.str();
}

void OpCheck::ok(const CheckInputs& in, const How& how) const {
  const std::string name = describe(op_, in);
  INFO(name);
  std::string found;
  CHECK_NOTHROW(found = problems(in, how));
  CHECK(found == "");
}

void OpCheck::gives(const std::vector<Tensor>& in, const How& how, const Tensor& want) const {
  Graph g;
  std::vector<Value> x;
  for (std::size_t i = 0; i < in.size(); ++i) x.push_back(g.input(in[i].type(), str("x", i)));
  const std::vector<Value> y = how(op_, x);
  CHECK(y.at(0).type() == want.type());
  std::vector<Device> devices = fast_devices(op_);
  devices.push_back(Device::reference());
  for (const Device& device : devices) {
    Executor run(plan(g, {y[0]}, {.device = device, .precision = Precision::strict}));
    for (std::size_t i = 0; i < in.size(); ++i) run.set(x[i], in[i]);
    run.run();
    INFO(op_.name << " on " << device.str());
    CHECK(relative_error(run.get(y[0]), want) <= limits_.strict);
  }
}

void OpCheck::fails(std::string_view rule, const CheckInputs& in, const How& how, std::string_view text) const {
  const std::string name = describe(op_, in);
  INFO(name << ": rule " << rule);
  std::string message;
  try {
    make_case(op_, in, how, {});
  } catch (const ShapeError& e) {
    message = e.what();
  }
  INFO("message: " << message);
  CHECK(message.starts_with(str(op_.name, " 'model/layer': ")));
  CHECK(message.find(text) != std::string::npos);
  CHECK(message.ends_with(str(" (", rule, ")")));
}

}  // namespace g2face
