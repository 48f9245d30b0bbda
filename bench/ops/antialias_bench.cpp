#include "head.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

// The edges of a head in a picture, and in its mask.
const bool registered = [] {
  for (const std::int64_t channels : {3, 1}) {
    const std::string name = str("antialias/", channels, "_at256");
    const Shape shape{1, channels, 256, 256};
    add_plan(name,
             [shape](Trial& t) { return std::vector{antialias(t.random(shape), t.given(drawn_head().distances))}; });
    add_plan(name + "/gradients", [shape](Trial& t) {
      const AntialiasGradients g = antialias_grad(t.random(shape), t.random(shape), t.given(drawn_head().distances));
      return std::vector{g.image, g.distances};
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
