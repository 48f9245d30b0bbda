#include "head.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

const bool registered = [] {
  const auto value = [](Trial& t, bool with_gradients) -> std::vector<Value> {
    const DrawnHead d = drawn_head();
    const Value vertices = t.given(d.vertices);
    const Mesh mesh = mesh_constants(t.graph, d.head.mesh);
    const Value distances = silhouettes(vertices, mesh, {t.given(d.ids), t.given(d.boxes)});
    if (!with_gradients) return {distances};
    return gradients(distances, {vertices}, t.random(distances.shape()));
  };
  add_plan("silhouettes/36k_at256", [value](Trial& t) { return value(t, false); });
  add_plan("silhouettes/36k_at256/gradients", [value](Trial& t) { return value(t, true); });  // and the distances
  return true;
}();

}  // namespace
}  // namespace g2face::bench
