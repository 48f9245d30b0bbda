// Every op there is: complete, well named, and differentiable unless this file says why not.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "g2face/graph/op.hpp"

using namespace g2face;

TEST_CASE("all_ops: sorted, named once, and each a primitive or a formula") {
  std::set<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK(names.insert(op->name).second);
    CHECK(std::all_of(op->name.begin(), op->name.end(),
                      [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }));
    CHECK((op->infer != nullptr));
    const bool primitive = op->reference != nullptr;
    CHECK(primitive != (op->formula != nullptr));
    CHECK((op->cpu_layouts == nullptr || op->cpu != nullptr));
  }
  CHECK(names.size() > 30);
}

TEST_CASE("all_ops: each primitive has a gradient rule") {
  const std::map<std::string_view, std::string_view> exceptions{
      {"adam", "nobody differentiates the steps of an optimizer"},
      {"all_reduce_start", "sums gradients, after differentiation"},
      {"all_reduce_wait", "as all_reduce_start"},
      {"barycentrics_grad", "positions of a picture are differentiated once (docs/rendering.md)"},
      {"bits_to_float", "reads its input as bits"},
      {"float_to_bits", "writes bits, which do not change continuously"},
      {"pointwise", "plans make it, after differentiation"},
      {"random", "its only input is an integer seed"},
      {"rasterize", "gives indices, which do not change continuously"},
      {"silhouettes_grad", "as barycentrics_grad"},
  };
  std::set<std::string_view> without;
  for (const OpDef* op : all_ops())
    if (op->formula == nullptr && op->grad == nullptr) without.insert(op->name);
  for (const auto& exception : exceptions)
    CHECK_MESSAGE(without.erase(exception.first) == 1, exception.first << " has a rule now");
  for (const std::string_view name : without) FAIL_CHECK(name << " has no gradient rule");
}
