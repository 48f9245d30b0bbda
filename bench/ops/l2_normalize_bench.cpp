#include "g2face/ops/l2_normalize.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

// Embeddings of a batch, and the weights of 10,000 people's classes, as the training of an identity network has them.
const bool registered = [] {
  for (const std::int64_t rows : {64, 10'000}) {
    const Shape shape{rows, 512};
    const std::string name = str("l2_normalize/", rows, "x512");
    add_plan(name, [shape](Trial& t) { return std::vector{l2_normalize(t.random(shape))}; });
    add_plan(name + "/gradients", [shape](Trial& t) {
      const Value x = t.random(shape);
      return gradients(l2_normalize(x), {x}, t.random(shape));
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
