// Summing over ranks goes on beside the steps of the device, so it begins as soon as there is something to sum.

#include <algorithm>
#include <map>

#include "g2face/ops/all_reduce.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

void hasten(PlanData& plan) {
  std::vector<PlanStep>& steps = plan.steps;
  std::map<int, std::ptrdiff_t> made;  // by value: the step that makes it, counted from 1
  for (std::size_t s = 0; s < steps.size(); ++s) {
    std::ptrdiff_t ready = 0;
    for (const int v : steps[s].in) {
      const auto maker = made.find(root_of(plan, v));
      if (maker != made.end()) ready = std::max(ready, maker->second);
    }
    const auto own = static_cast<std::ptrdiff_t>(s);
    const bool moves = steps[s].op == &all_reduce_start_op && ready < own;
    if (moves) {
      std::rotate(steps.begin() + ready, steps.begin() + own, steps.begin() + own + 1);
      for (auto& [value, maker] : made) {
        if (maker > ready) ++maker;
      }
    }
    for (const int v : steps[static_cast<std::size_t>(moves ? ready : own)].out) made[v] = (moves ? ready : own) + 1;
  }
}

}  // namespace g2face
