// A gradient that is ready frees what it was made from; the optimizer's step frees the gradient. Summing over ranks
// goes on beside the steps of the device, so it begins as soon as there is something to sum, and is waited for as late
// as before.

#include <algorithm>
#include <map>

#include "g2face/ops/all_reduce.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

void hasten(PlanData& plan) {
  std::vector<PlanStep>& steps = plan.steps;
  const int count = static_cast<int>(steps.size());
  std::map<int, std::vector<int>> readers;  // by value: steps, by their index at the beginning
  std::map<int, int> maker;
  for (int s = 0; s < count; ++s) {
    for (const int v : steps[static_cast<std::size_t>(s)].in) readers[root_of(plan, v)].push_back(s);
    for (const int v : steps[static_cast<std::size_t>(s)].out) maker[v] = s;
  }
  std::map<int, int> written_over;  // by a new value: the parameter that takes it
  for (const auto& [parameter, value] : plan.updates) written_over[value] = parameter;
  std::vector<bool> stays(plan.values.size(), false);  // read by the caller
  for (const auto& [key, v] : plan.outputs) stays[static_cast<std::size_t>(root_of(plan, v))] = true;
  std::vector<int> position(steps.size()), order(steps.size());
  for (int s = 0; s < count; ++s) position[static_cast<std::size_t>(s)] = order[static_cast<std::size_t>(s)] = s;
  const auto last_reader_but = [&](int step, int root) {
    int last = -1;
    for (const int r : readers[root]) {
      if (r != step) last = std::max(last, position[static_cast<std::size_t>(r)]);
    }
    return last;
  };

  for (int s = 0; s < count; ++s) {
    const PlanStep& step = steps[static_cast<std::size_t>(s)];
    if (step.op == &all_reduce_wait_op) continue;
    const int here = position[static_cast<std::size_t>(s)];
    int after = -1;
    std::size_t made = 0, freed = 0;
    for (const int v : step.out) {
      const auto it = written_over.find(v);
      if (it == written_over.end()) {
        made += plan.values[static_cast<std::size_t>(v)].bytes;
      } else {
        after = std::max(after, last_reader_but(s, root_of(plan, it->second)));
      }
    }
    for (const int v : step.in) {
      const int root = root_of(plan, v);
      const PlanValue& value = plan.values[static_cast<std::size_t>(root)];
      if (value.place != Place::arena) continue;
      after = std::max(after, position[static_cast<std::size_t>(maker.at(root))]);
      const int other = last_reader_but(s, root);
      if (stays[static_cast<std::size_t>(root)] || other > here) continue;
      after = std::max(after, other);
      freed += value.bytes;
    }
    const bool uses_up = freed > 0 && freed >= made;
    if ((!uses_up && step.op != &all_reduce_start_op) || after + 1 >= here) continue;
    const auto begin = order.begin() + after + 1;
    std::rotate(begin, order.begin() + here, order.begin() + here + 1);
    for (int p = after + 1; p <= here; ++p) {
      position[static_cast<std::size_t>(order[static_cast<std::size_t>(p)])] = p;
    }
  }

  std::vector<PlanStep> ordered;
  ordered.reserve(steps.size());
  for (const int s : order) ordered.push_back(std::move(steps[static_cast<std::size_t>(s)]));
  steps = std::move(ordered);
}

}  // namespace g2face
