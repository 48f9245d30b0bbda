#include "g2face/plan/plan.hpp"

#include <omp.h>

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

#include "backend.hpp"
#include "g2face/tuning.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

/// For each update the parameter and its new value, in this order.
std::vector<Value> values_of(const Graph& graph, std::span<const Update> updates) {
  std::map<std::string_view, int> parameters;
  for (int n = 0; n < graph.size() && !updates.empty(); ++n) {
    if (graph.node(n).op == &parameter_op) parameters[graph.node(n).name] = n;
  }
  std::vector<Value> values;
  for (const Update& u : updates) {
    const auto it = parameters.find(u.name);
    check<PlanError>(it != parameters.end(), "plan: there is no parameter '", u.name, "' to update, or two updates");
    const Value parameter{u.value.graph, it->second, 0};
    check<PlanError>(u.value.graph == &graph, "plan: the update of parameter '", u.name, "' belongs to another graph");
    check<PlanError>(u.value.type() == parameter.type(), "plan: parameter '", u.name, "' is ", parameter.type().str(),
                     " and its update ", u.value.type().str());
    values.insert(values.end(), {parameter, u.value});
    parameters.erase(it);
  }
  return values;
}

}  // namespace

Plan plan(const Graph& graph, std::span<const Value> outputs, const PlanOptions& options) {
  return plan(graph, outputs, {}, options);
}

Plan plan(const Graph& graph, std::span<const Value> asked, std::span<const Update> updates,
          const PlanOptions& options) {
  check<PlanError>(updates.empty() || !options.fold, "plan: parameters that are updated cannot be folded");
  std::vector<Value> outputs(asked.begin(), asked.end());
  const std::vector<Value> updated = values_of(graph, updates);
  outputs.insert(outputs.end(), updated.begin(), updated.end());
  check<PlanError>(!outputs.empty(), "plan: no outputs were asked for");
  for (const Value& v : outputs) check<PlanError>(v.graph == &graph, "plan: an output belongs to another graph");
  backend_of(options.device).enter();  // throws for a device that is not here
  check<PlanError>(offers(options.device, options.precision), "plan: device ", options.device, " has no precision ",
                   name_of(options.precision));

  auto data = std::make_shared<PlanData>();
  data->options = options;
  if (data->options.threads <= 0) data->options.threads = omp_get_max_threads();

  Lowered lowered = lower(graph, outputs, data->options);
  if (options.device.kind != Device::Kind::reference) {
    if (options.device.kind == Device::Kind::cpu) lowered = part(lowered, data->options);
    if (options.fuse && !options.fold) lowered = recompute(lowered, data->options);
    lowered = fuse(lowered, data->options);
  }
  if (options.fuse && options.device.kind == Device::Kind::cuda) lowered = fuse_conv2d(lowered, data->options);
  if (options.fuse && options.device.kind == Device::Kind::cpu) lowered = fuse_sums(lowered, data->options);
  bind(assign_layouts(lowered, data->options), *data);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto temporary = data->outputs.extract({-1 - static_cast<int>(i), 0});
    if (i < asked.size()) {
      data->outputs[{outputs[i].node, outputs[i].output}] = temporary.mapped();
    } else if ((i - asked.size()) % 2 == 0) {
      data->updates.emplace_back(temporary.mapped(), -1);
    } else {
      data->updates.back().second = temporary.mapped();
    }
  }
  if (options.tuning != nullptr) options.tuning->save();
  delay(*data);
  if (!options.fold) hasten(*data);
  write_updates(*data);
  place(*data);
  return Plan(std::move(data));
}

std::size_t Plan::arena_bytes() const { return data_->arena_bytes; }
std::size_t Plan::live_bytes() const { return data_->live_bytes; }

std::vector<std::string> Plan::kernels() const {
  std::vector<std::string> names;
  for (const PlanStep& s : data_->steps) names.push_back(s.step.kernel);
  return names;
}

std::string Plan::print(std::span<const double> seconds) const {
  const bool timed = seconds.size() == data_->steps.size();
  std::vector<std::vector<std::string>> rows = {
      {"step", "op", "kernel", "result", "layout", "bytes", "workspace", "ms", "node"}};
  double total = 0;
  std::size_t reorders = 0;
  for (std::size_t i = 0; i < data_->steps.size(); ++i) {
    const PlanStep& s = data_->steps[i];
    const PlanValue& result = data_->values[static_cast<std::size_t>(s.out[0])];
    std::ostringstream ms;
    if (timed) ms << std::fixed << std::setprecision(3) << seconds[i] * 1e3;
    rows.push_back({std::to_string(i), std::string(s.op->name), s.step.kernel, result.desc.type.str(),
                    std::string(name_of(result.desc.layout)), std::to_string(result.bytes),
                    std::to_string(s.step.workspace), ms.str(), s.name});
    if (s.op->name == "reorder") ++reorders;
    if (timed) total += seconds[i];
  }
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::ostringstream out;
  for (const auto& row : rows) {
    for (std::size_t c = 0; c + 1 < row.size(); ++c) {
      if (c == 7 && !timed) continue;
      const bool number = c == 0 || (c >= 5 && c <= 7);
      out << (number ? std::right : std::left) << std::setw(static_cast<int>(widths[c])) << row[c] << "  ";
    }
    out << row.back() << "\n";
  }
  out << data_->steps.size() << " steps (" << reorders << " reorders), " << data_->load_steps.size()
      << " done at load, arena " << data_->arena_bytes << " bytes, of which up to " << data_->live_bytes
      << " are alive at once";
  if (timed) out << ", " << std::fixed << std::setprecision(3) << total * 1e3 << " ms";
  out << "\n";
  return out.str();
}

}  // namespace g2face
