// Lifetimes and offsets: values that are alive together lie apart, everything else may share memory.

#include <algorithm>
#include <limits>

#include "plan/plan_data.hpp"

namespace g2face {

namespace {

struct Interval {
  std::size_t bytes = 0;
  int first = 0, last = 0;
  std::size_t* offset = nullptr;
};

PlanValue& root_value(PlanData& plan, int value) { return plan.values[static_cast<std::size_t>(root_of(plan, value))]; }

void find_lifetimes(PlanData& plan) {
  const int count = static_cast<int>(plan.steps.size());
  for (int s = 0; s < count; ++s) {
    const PlanStep& step = plan.steps[static_cast<std::size_t>(s)];
    for (const int v : step.out) {
      PlanValue& value = plan.values[static_cast<std::size_t>(v)];
      value.first = s;
      value.last = std::max(value.last, s);
    }
    for (const int v : step.in) {
      PlanValue& value = root_value(plan, v);
      value.last = std::max(value.last, s);
    }
  }
  for (const auto& [key, v] : plan.outputs) root_value(plan, v).last = count;
}

void share_in_place(PlanData& plan) {
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    const PlanStep& step = plan.steps[static_cast<std::size_t>(s)];
    PlanValue& out = plan.values[static_cast<std::size_t>(step.out[0])];
    for (const int i : step.step.in_place) {
      const int root = root_of(plan, step.in[static_cast<std::size_t>(i)]);
      PlanValue& in = plan.values[static_cast<std::size_t>(root)];
      if (in.place != Place::arena || in.last != s || in.bytes != out.bytes) continue;
      out.alias_of = root;
      in.last = out.last;
      break;
    }
  }
}

/// Largest first; each goes to the tightest gap between the intervals that are alive at the same time.
std::size_t assign_offsets(std::vector<Interval>& intervals) {
  std::stable_sort(intervals.begin(), intervals.end(),
                   [](const Interval& a, const Interval& b) { return a.bytes > b.bytes; });
  std::vector<const Interval*> placed;  // by offset
  std::size_t total = 0;
  for (Interval& item : intervals) {
    std::size_t best = 0, best_slack = std::numeric_limits<std::size_t>::max(), end = 0;
    bool found = false;
    for (const Interval* other : placed) {
      if (other->last < item.first || item.last < other->first) continue;
      if (*other->offset >= end + item.bytes && *other->offset - end - item.bytes < best_slack) {
        best = end;
        best_slack = *other->offset - end - item.bytes;
        found = true;
      }
      end = std::max(end, *other->offset + other->bytes);
    }
    *item.offset = found ? best : end;
    total = std::max(total, *item.offset + item.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &item,
                                   [](const Interval* a, const Interval* b) { return *a->offset < *b->offset; }),
                  &item);
  }
  return total;
}

}  // namespace

int root_of(const PlanData& plan, int value) {
  while (plan.values[static_cast<std::size_t>(value)].alias_of >= 0) {
    value = plan.values[static_cast<std::size_t>(value)].alias_of;
  }
  return value;
}

void place(PlanData& plan) {
  find_lifetimes(plan);
  share_in_place(plan);
  std::vector<Interval> intervals;
  for (PlanValue& v : plan.values) {
    if (v.place == Place::arena && v.alias_of < 0 && v.last >= 0) {
      intervals.push_back({round_up(v.bytes), v.first, v.last, &v.offset});
    }
  }
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    PlanStep& step = plan.steps[static_cast<std::size_t>(s)];
    if (step.step.workspace > 0) {
      intervals.push_back({round_up(step.step.workspace), s, s, &step.workspace_offset});
    }
  }
  plan.arena_bytes = assign_offsets(intervals);
}

}  // namespace g2face
