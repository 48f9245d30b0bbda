#include "g2face/ops/log_sum_exp.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

// The classes of 10,000 people.
const bool registered = [] {
  for (const std::int64_t batch : {1, 64}) {
    add_plan(str("log_sum_exp/", batch, "x10000"), [batch](Trial& t) {
      return std::vector{log_sum_exp(t.random({batch, 10'000}))};
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
