#include "g2face/ops/ema.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

// As many numbers as four wide layers of the generator have, or hundreds of small tensors.
const bool registered = [] {
  const std::vector<Shape> wide(4, {512, 512, 3, 3}), small(300, {512});
  for (const auto& [name, shapes] : {std::pair{"wide", wide}, std::pair{"small", small}}) {
    add_plan(str("ema/", name), [all = shapes](Trial& t) {
      std::vector<Value> averages, values;
      for (const Shape& shape : all) {
        averages.push_back(t.random(shape));
        values.push_back(t.random(shape));
      }
      return ema(averages, values, {.decay = 0.999});
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
