#include "head.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

const bool registered = [] {
  for (const std::int64_t n : {1, 8}) {
    const auto value = [n](Trial& t, bool with_gradients) -> std::vector<Value> {
      const Head h = head(n, bfm_sized);
      const Value points = t.given(h.points);
      const Value normals = vertex_normals(points, mesh_tables(h.mesh.triangles, h.points.shape()[1]));
      if (!with_gradients) return {normals};
      return gradients(normals, {points}, t.random(normals.shape()));
    };
    const std::string name = str("vertex_normals/36k/n", n);
    add_plan(
        name, [value](Trial& t) { return value(t, false); }, n);
    add_plan(
        name + "/gradients", [value](Trial& t) { return value(t, true); }, n);
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
