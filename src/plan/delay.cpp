// The order of the graph is the order of the model's code, which computes some things long before they are needed.

#include <algorithm>
#include <map>

#include "plan/plan_data.hpp"

namespace g2face {

void delay(PlanData& plan) {
  std::vector<PlanStep>& steps = plan.steps;
  const int count = static_cast<int>(steps.size());
  std::map<int, std::vector<int>> readers;  // by value: indices of steps, as they stood at the beginning
  for (int s = 0; s < count; ++s) {
    for (const int v : steps[static_cast<std::size_t>(s)].in) readers[root_of(plan, v)].push_back(s);
  }
  std::vector<int> position(steps.size());  // of a step, by its index at the beginning
  std::vector<int> order(steps.size());     // the inverse
  for (int s = 0; s < count; ++s) position[static_cast<std::size_t>(s)] = order[static_cast<std::size_t>(s)] = s;

  for (int s = count - 2; s >= 0; --s) {
    const PlanStep& step = steps[static_cast<std::size_t>(s)];
    int needed = count;
    std::size_t made = 0;
    for (const int v : step.out) {
      made += plan.values[static_cast<std::size_t>(v)].bytes;
      for (const int r : readers[v]) needed = std::min(needed, position[static_cast<std::size_t>(r)]);
    }
    if (needed == count) continue;
    std::size_t kept = 0;  // inputs that would have to live longer
    for (const int v : step.in) {
      const int root = root_of(plan, v);
      int last = 0;
      for (const int r : readers[root]) {
        if (r != s) last = std::max(last, position[static_cast<std::size_t>(r)]);
      }
      const PlanValue& value = plan.values[static_cast<std::size_t>(root)];
      if (value.place == Place::arena && last < needed) kept += value.bytes;
    }
    if (kept >= made) continue;
    const auto begin = order.begin() + position[static_cast<std::size_t>(s)];
    std::rotate(begin, begin + 1, order.begin() + needed);
    for (int p = s; p < needed; ++p) position[static_cast<std::size_t>(order[static_cast<std::size_t>(p)])] = p;
  }

  std::vector<PlanStep> ordered;
  ordered.reserve(steps.size());
  for (const int s : order) ordered.push_back(std::move(steps[static_cast<std::size_t>(s)]));
  steps = std::move(ordered);
}

}  // namespace g2face
