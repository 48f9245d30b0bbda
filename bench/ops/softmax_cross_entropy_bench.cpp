#include "g2face/ops/softmax_cross_entropy.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

// A batch of 64 among 10,000 people.
const bool registered = [] {
  const auto value = [](Trial& t, bool with_gradients) -> std::vector<Value> {
    Tensor right({DType::i32, {64}});
    for (std::int32_t i = 0; std::int32_t & label : right.mutable_as<std::int32_t>()) label = 97 * i++;
    const Value x = t.random({64, 10'000}), loss = softmax_cross_entropy(x, t.given(right));
    if (!with_gradients) return {loss};
    return gradients(loss, {x}, t.random({64}));
  };
  add_plan("softmax_cross_entropy/64x10000", [value](Trial& t) { return value(t, false); });
  add_plan("softmax_cross_entropy/64x10000/gradients", [value](Trial& t) { return value(t, true); });
  return true;
}();

}  // namespace
}  // namespace g2face::bench
