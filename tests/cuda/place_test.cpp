// Memory on a device that records: sharing it orders nothing.
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "g2face/ops.hpp"
#include "g2face/plan/plan.hpp"
#include "plan/plan_data.hpp"
#include "step_order.hpp"

using namespace g2face;
using test::closure;

namespace {

/// Chains of convolutions that begin alike and end in one sum.
Plan branches(int count, int depth) {
  Graph g;
  const Value x = g.input({DType::f32, {1, 8, 6, 6}}, "x");
  Value end;
  for (int b = 0; b < count; ++b) {
    Value y = x;
    for (int d = 0; d < depth; ++d) {
      const Value w = g.parameter({DType::f32, {8, 8, 3, 3}}, str("w", b, ".", d));
      y = instance_norm(conv2d(y, w, {.pad = {1, 1}}));
    }
    end = end ? end + y : y;
  }
  return plan(g, {end}, {.device = Device::cuda()});
}

/// Edges from values alone: a step follows those that make what it reads.
std::vector<std::vector<int>> makers(const PlanData& plan) {
  std::vector<std::vector<int>> edges(plan.steps.size());
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    for (const int read : plan.steps[i].in) {
      for (std::size_t j = 0; j < i; ++j)
        for (const int made : plan.steps[j].out)
          if (made == read) edges[i].push_back(static_cast<int>(j));
    }
  }
  return edges;
}

std::size_t bytes_of_values(const PlanData& plan) {
  std::size_t sum = 0;
  for (const PlanValue& v : plan.values)
    if (v.place == Place::arena) sum += v.bytes;
  return sum;
}

}  // namespace

TEST_CASE("branches that share no value wait for nothing of each other") {
  const Plan p = branches(4, 3);
  CHECK(closure(dependencies(p.data())) == closure(makers(p.data())));
}

TEST_CASE("steps that follow each other share memory") {
  const Plan p = branches(1, 12);
  CHECK(p.arena_bytes() < bytes_of_values(p.data()) / 3);
}
