#include "head.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

// Colours: three channels of a head of 36,000 vertices.
const bool registered = [] {
  const auto value = [](Trial& t, bool with_gradients) -> std::vector<Value> {
    const DrawnHead d = drawn_head();
    const Value colours = t.given(d.head.colours), weights = t.given(d.weights);
    const Mesh mesh = mesh_constants(t.graph, d.head.mesh);
    const Value image = interpolate(colours, weights, mesh, {t.given(d.ids), t.given(d.boxes)});
    if (!with_gradients) return {image};
    return gradients(image, {colours, weights}, t.random(image.shape()));
  };
  add_plan("interpolate/36k_at256", [value](Trial& t) { return value(t, false); });
  add_plan("interpolate/36k_at256/gradients", [value](Trial& t) { return value(t, true); });
  return true;
}();

}  // namespace
}  // namespace g2face::bench
