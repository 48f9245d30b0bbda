// Lifetimes and offsets: values that are alive together lie apart, everything else may share memory.
//
// Where steps run in their order, a value is alive from its maker to its last reader. Where the device records them and
// runs branches side by side, the order of two steps is only certain if one needs the other: there a value takes the
// memory of another only if all steps that use the other lead to its maker. So sharing memory orders nothing that would
// not be in that order anyway.

#include <algorithm>
#include <limits>

#include "backend.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

struct Interval {
  std::size_t bytes = 0;
  int first = 0, last = 0;
  std::size_t* offset = nullptr;
  std::vector<int> users;  // steps, where branches run side by side
};

/// before[i][j]: step i needs what step j makes, perhaps by way of others. Empty: steps run in their order.
using Before = std::vector<std::vector<bool>>;

Before find_before(const PlanData& plan) {
  const std::size_t count = plan.steps.size();
  Before before(count, std::vector<bool>(count, false));
  for (std::size_t i = 0; i < count; ++i) {
    for (const int v : plan.steps[i].in) {
      const PlanValue& value = plan.values[static_cast<std::size_t>(root_of(plan, v))];
      if (value.place != Place::arena) continue;
      const auto maker = static_cast<std::size_t>(value.first);
      before[i][maker] = true;
      for (std::size_t k = 0; k < maker; ++k) {
        if (before[maker][k]) before[i][k] = true;
      }
    }
  }
  return before;
}

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

/// Whether every user of `a` has ended when the first of `b` begins.
bool ends_before(const Interval& a, const Interval& b, const Before& before) {
  if (before.empty() || a.last >= b.first) return a.last < b.first;
  const std::vector<bool>& needed = before[static_cast<std::size_t>(b.first)];
  return std::all_of(a.users.begin(), a.users.end(), [&](int user) { return needed[static_cast<std::size_t>(user)]; });
}

void share_in_place(PlanData& plan, const Before& before, std::vector<std::vector<int>>& users) {
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    const PlanStep& step = plan.steps[static_cast<std::size_t>(s)];
    for (const InPlace& way : step.step.in_place) {
      PlanValue& out = plan.values[static_cast<std::size_t>(step.out[static_cast<std::size_t>(way.output)])];
      if (out.alias_of >= 0) continue;
      const int root = root_of(plan, step.in[static_cast<std::size_t>(way.input)]);
      PlanValue& in = plan.values[static_cast<std::size_t>(root)];
      if (in.place != Place::arena || in.last != s || in.bytes != out.bytes) continue;
      std::vector<int>& others = users[static_cast<std::size_t>(root)];
      const auto ended = [&](int user) {
        return user == s || before[static_cast<std::size_t>(s)][static_cast<std::size_t>(user)];
      };
      if (!before.empty() && !std::all_of(others.begin(), others.end(), ended)) continue;
      out.alias_of = root;
      in.last = out.last;
      const std::vector<int>& more = users[static_cast<std::size_t>(step.out[static_cast<std::size_t>(way.output)])];
      others.insert(others.end(), more.begin(), more.end());
    }
  }
}

/// Largest first; each goes to the tightest gap between the intervals that may be alive at the same time.
std::size_t assign_offsets(std::vector<Interval>& intervals, const Before& before) {
  std::stable_sort(intervals.begin(), intervals.end(),
                   [](const Interval& a, const Interval& b) { return a.bytes > b.bytes; });
  std::vector<const Interval*> placed;  // by offset
  std::size_t total = 0;
  for (Interval& item : intervals) {
    std::size_t best = 0, best_slack = std::numeric_limits<std::size_t>::max(), end = 0;
    bool found = false;
    for (const Interval* other : placed) {
      if (ends_before(*other, item, before) || ends_before(item, *other, before)) continue;
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

std::size_t most_alive(const std::vector<Interval>& intervals, std::size_t steps) {
  std::vector<std::size_t> alive(steps + 1, 0);
  for (const Interval& i : intervals) {
    for (int s = i.first; s <= i.last; ++s) alive[static_cast<std::size_t>(s)] += i.bytes;
  }
  return *std::max_element(alive.begin(), alive.end());
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
  const int count = static_cast<int>(plan.steps.size());
  std::vector<std::vector<int>> users(plan.values.size());  // steps that read or write a value, by root
  for (int s = 0; s < count; ++s) {
    const PlanStep& step = plan.steps[static_cast<std::size_t>(s)];
    for (const std::vector<int>& values : {step.in, step.out}) {
      for (const int v : values) users[static_cast<std::size_t>(root_of(plan, v))].push_back(s);
    }
  }
  const Before before = backend_of(plan.options.device).records() ? find_before(plan) : Before();
  share_in_place(plan, before, users);

  std::vector<Interval> intervals;
  for (std::size_t i = 0; i < plan.values.size(); ++i) {
    PlanValue& v = plan.values[i];
    if (v.place == Place::arena && v.alias_of < 0 && v.last >= 0) {
      intervals.push_back({round_up(v.bytes), v.first, v.last, &v.offset, std::move(users[i])});
    }
  }
  for (int s = 0; s < count; ++s) {
    PlanStep& step = plan.steps[static_cast<std::size_t>(s)];
    if (step.step.workspace > 0) {
      intervals.push_back({round_up(step.step.workspace), s, s, &step.workspace_offset, {s}});
    }
  }
  plan.live_bytes = most_alive(intervals, plan.steps.size());
  plan.arena_bytes = assign_offsets(intervals, before);
}

}  // namespace g2face
