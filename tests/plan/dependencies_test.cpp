// Which steps of a plan have to wait for which, and what waits for nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "g2face/ops.hpp"
#include "g2face/plan/plan.hpp"
#include "plan/plan_data.hpp"
#include "step_order.hpp"

using namespace g2face;
using test::closure;

namespace {

struct Span {
  std::size_t begin = 0, end = 0;
  bool meets(const Span& other) const { return begin < other.end && other.begin < end; }
};

/// What a step reads and writes of the arena, read off the plan a second time.
struct Uses {
  std::vector<Span> reads, writes;
};
Uses uses_of(const PlanData& plan, const PlanStep& step) {
  Uses uses;
  const auto add = [&](const std::vector<int>& values, std::vector<Span>& to) {
    for (const int v : values) {
      const PlanValue& root = plan.values[static_cast<std::size_t>(root_of(plan, v))];
      if (root.place == Place::arena) to.push_back({root.offset, root.offset + root.bytes});
    }
  };
  add(step.in, uses.reads);
  add(step.out, uses.writes);
  if (step.step.workspace > 0)
    uses.writes.push_back({step.workspace_offset, step.workspace_offset + step.step.workspace});
  return uses;
}
bool meet(const std::vector<Span>& a, const std::vector<Span>& b) {
  return std::any_of(a.begin(), a.end(), [&](const Span& x) {
    return std::any_of(b.begin(), b.end(), [&](const Span& y) { return x.meets(y); });
  });
}

/// Several chains of convolutions that begin alike and end in one sum.
Plan branches(int count, bool fold) {
  Graph g;
  const Value x = g.input({DType::f32, {1, 8, 6, 6}}, "x");
  Value sum_of_ends;
  for (int b = 0; b < count; ++b) {
    const Value w = g.parameter({DType::f32, {8, 8, 3, 3}}, str("w", b));
    Value y = x;
    for (int depth = 0; depth < 3; ++depth) y = instance_norm(conv2d(y, w, {.pad = {1, 1}}));
    sum_of_ends = sum_of_ends ? sum_of_ends + y : y;
  }
  PlanOptions options;
  options.fold = fold;
  return plan(g, {sum_of_ends}, options);
}

}  // namespace

TEST_CASE("steps that meet in memory are ordered, and no edge stands twice") {
  for (const bool fold : {false, true}) {
    const Plan p = branches(4, fold);
    const PlanData& data = p.data();
    const std::vector<std::vector<int>> after = dependencies(data);
    REQUIRE(after.size() == data.steps.size());
    const auto ordered = closure(after);
    for (std::size_t i = 0; i < after.size(); ++i) {
      const Uses own = uses_of(data, data.steps[i]);
      for (std::size_t j = 0; j < i; ++j) {
        const Uses other = uses_of(data, data.steps[j]);
        CAPTURE(i);
        CAPTURE(j);
        if (meet(own.reads, other.writes) || meet(own.writes, other.writes) || meet(own.writes, other.reads))
          CHECK(ordered[i][j]);
      }
      // What is waited for by way of another is not waited for again.
      for (const int a : after[i])
        for (const int b : after[i]) CHECK_FALSE(ordered[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)]);
    }
  }
}

TEST_CASE("a step waits for those whose memory it shares, and for no others") {
  PlanData plan;
  const auto add_value = [&](std::size_t offset) {
    PlanValue value;
    value.bytes = 64;
    value.offset = offset;
    plan.values.push_back(value);
    return static_cast<int>(plan.values.size()) - 1;
  };
  const auto add_step = [&](std::vector<int> in, int out) {
    PlanStep step;
    step.in = std::move(in);
    step.out = {out};
    plan.steps.push_back(std::move(step));
  };
  const int a = add_value(0), b = add_value(64), c = add_value(128), d = add_value(0), e = add_value(192);
  add_step({}, a);      // 0
  add_step({}, b);      // 1: apart from 0
  add_step({a, b}, c);  // 2: reads both
  add_step({}, d);      // 3: where a was, so after its reader, which is after a
  add_step({b}, e);     // 4: reads b as 2 does
  plan.steps[4].step.workspace = 32;
  plan.steps[4].workspace_offset = 130;  // inside c
  CHECK(dependencies(plan) == std::vector<std::vector<int>>{{}, {}, {1, 0}, {2}, {2}});
}
