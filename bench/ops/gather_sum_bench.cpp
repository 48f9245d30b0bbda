#include "head.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

// What the normals of a face model need: the corners of all triangles, and the triangles of all vertices.
const bool registered = [] {
  for (const bool corners : {true, false}) {
    add_plan(str("gather_sum/36k/", corners ? "corners" : "triangles"), [corners](Trial& t) -> std::vector<Value> {
      const Head h = head(1, bfm_sized);
      const std::int64_t vertices = h.points.shape()[1], triangles = h.mesh.triangles.shape()[0];
      const MeshTables tables = mesh_tables(h.mesh.triangles, vertices);
      const Value x = t.random({1, 3, corners ? vertices : triangles});
      return {gather_sum(x, t.given(corners ? tables.corners : tables.vertex_triangles),
                         t.given(corners ? tables.vertex_corners : tables.triangle_vertices))};
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
