// Which steps have to wait for which: those whose memory they read or write.

#include <algorithm>
#include <cstddef>
#include <set>

#include "g2face/ops/all_reduce.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

constexpr int arena = -1, meeting = -2;
struct Span {
  int memory = arena;  // or the parameter whose own memory it is, or where ranks meet
  std::size_t begin = 0, end = 0;
};
struct Use {
  std::vector<Span> reads, writes;  // of the arena and of parameters that the plan updates
};

bool overlap(const std::vector<Span>& a, const std::vector<Span>& b) {
  return std::any_of(a.begin(), a.end(), [&](const Span& x) {
    return std::any_of(b.begin(), b.end(),
                       [&](const Span& y) { return x.memory == y.memory && x.begin < y.end && y.begin < x.end; });
  });
}

std::vector<Use> uses_of(const PlanData& plan) {
  std::set<int> updated;
  for (const auto& [parameter, value] : plan.updates) updated.insert(parameter);
  std::vector<Use> uses;
  for (const PlanStep& step : plan.steps) {
    Use use;
    const auto add = [&](int v, std::vector<Span>& to) {
      const int root = root_of(plan, v);
      const PlanValue& value = plan.values[static_cast<std::size_t>(root)];
      if (value.place == Place::arena) to.push_back({arena, value.offset, value.offset + value.bytes});
      if (updated.contains(root)) to.push_back({root, 0, value.bytes});
    };
    for (const int v : step.in) add(v, use.reads);
    for (const int v : step.out) add(v, use.writes);
    const std::size_t at = step.workspace_offset;
    if (step.step.workspace > 0) use.writes.push_back({arena, at, at + step.step.workspace});
    if (step.op == &all_reduce_op || step.op == &all_reduce_start_op) {  // in one order on all ranks
      use.writes.push_back({meeting, 0, 1});
    }
    uses.push_back(std::move(use));
  }
  return uses;
}

}  // namespace

std::vector<std::vector<int>> dependencies(const PlanData& plan) {
  const std::vector<Use> uses = uses_of(plan);
  const std::size_t count = uses.size();
  std::vector<std::vector<bool>> before(count,
                                        std::vector<bool>(count, false));  // before[i][j]: j ends before i begins
  std::vector<std::vector<int>> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i; j-- > 0;) {
      if (before[i][j]) continue;
      if (!overlap(uses[i].reads, uses[j].writes) && !overlap(uses[i].writes, uses[j].writes) &&
          !overlap(uses[i].writes, uses[j].reads)) {
        continue;
      }
      result[i].push_back(static_cast<int>(j));
      before[i][j] = true;
      for (std::size_t k = 0; k < j; ++k) {
        if (before[j][k]) before[i][k] = true;
      }
    }
  }
  return result;
}

}  // namespace g2face
