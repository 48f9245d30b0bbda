// Parameters take new values. Mostly the step that computes a value may write it over the parameter at once; otherwise
// a copy at the end of the run does.

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "g2face/ops/slice.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

struct Made {
  int step = -1, output = 0;
};

/// The copy of a value to where a parameter lies, as one row of elements.
PlanStep copy_step(PlanData& plan, int from, int parameter) {
  const PlanValue& source = plan.values[static_cast<std::size_t>(from)];
  const std::int64_t n = source.desc.type.shape.numel();
  Graph graph;
  const Value x = graph.input({source.desc.type.dtype, {n}}, "x"), y = slice(x, {0}, {n});
  const TensorDesc in[] = {{x.type()}}, out[] = {{y.type()}};
  const bool known[] = {false};
  PlanStep step;
  step.op = graph.node(y).op;
  step.attrs = graph.node(y).attrs;
  step.name = plan.values[static_cast<std::size_t>(parameter)].name;
  step.step = make_step(graph.node(y),
                        {in, out, known, plan.options.precision, plan.options.determinism, plan.options.threads}, plan);
  step.in = {from};
  step.out = {static_cast<int>(plan.values.size())};
  PlanValue result;
  result.desc = out[0];
  result.name = step.name;
  result.bytes = source.bytes;
  result.alias_of = parameter;
  plan.values.push_back(std::move(result));
  return step;
}

}  // namespace

void write_updates(PlanData& plan) {
  std::vector<Made> made(plan.values.size());  // where each value comes from
  std::map<int, std::vector<int>> readers;     // steps, by the value whose memory they read
  std::set<int> updated;
  for (const auto& [parameter, value] : plan.updates) updated.insert(parameter);
  for (const auto& [parameter, value] : plan.updates) {
    const int old = root_of(plan, value);
    check<PlanError>(old == parameter || !updated.contains(old), "plan: parameter '",
                     plan.values[static_cast<std::size_t>(parameter)].name, "' takes the old value of '",
                     plan.values[static_cast<std::size_t>(old)].name, "', which changes as well");
  }
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    const PlanStep& step = plan.steps[static_cast<std::size_t>(s)];
    for (std::size_t o = 0; o < step.out.size(); ++o) {
      made[static_cast<std::size_t>(step.out[o])] = {s, static_cast<int>(o)};
    }
    for (const int v : step.in) readers[root_of(plan, v)].push_back(s);
  }

  const auto can_write_over = [&](const Made& m, int parameter) {
    const std::vector<int>& steps = readers[parameter];
    const int last = steps.empty() ? -1 : steps.back();
    if (last != m.step) return last < m.step;
    if (std::count(steps.begin(), steps.end(), m.step) > 1) return false;
    const PlanStep& step = plan.steps[static_cast<std::size_t>(m.step)];
    return std::any_of(step.step.in_place.begin(), step.step.in_place.end(), [&](const InPlace& way) {
      const int read = step.in[static_cast<std::size_t>(way.input)];
      return way.output == m.output && root_of(plan, read) == parameter;
    });
  };

  std::vector<PlanStep> copies;
  for (const auto& [parameter, value] : plan.updates) {
    PlanValue& result = plan.values[static_cast<std::size_t>(value)];
    const Made m = made[static_cast<std::size_t>(value)];
    if (result.place == Place::arena && result.alias_of < 0 && m.step >= 0 && can_write_over(m, parameter)) {
      result.alias_of = parameter;
    } else if (root_of(plan, value) != parameter) {
      copies.push_back(copy_step(plan, value, parameter));
    }
  }
  std::move(copies.begin(), copies.end(), std::back_inserter(plan.steps));
}

}  // namespace g2face
