#pragma once
// Which triangle of a mesh each pixel shows, and where in that triangle. docs/rendering.md has the conventions.

#include <cstdint>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// The connectivity of a triangle mesh, all i32. An op ignores triangles with an index that is out of range, and what
/// neighbours and corners say of what does not exist, so that no file can make it read or write elsewhere.
struct MeshTopology {
  Tensor triangles;   // [F,3], vertices
  Tensor neighbours;  // [F,3], the triangle on the other side of the edge opposite to that corner; -1: none
  Tensor corners;     // [V + 1 + 3 F]: the corners 3 f + k at vertex v are entries starts[v] .. starts[v + 1] of the
                      // last 3 F numbers, in ascending order; starts are the first V + 1 numbers
};
/// Throws ShapeError unless `triangles` is i32 [F,3] with entries in 0..vertices - 1 (and 3 F + V + 1 fits into i32).
/// An edge that does not have exactly two triangles has no neighbours.
MeshTopology mesh_topology(const Tensor& triangles, std::int64_t vertices);

/// The same in a graph.
struct Mesh {
  Value triangles, neighbours, corners;
};
Mesh mesh_constants(Graph& graph, const MeshTopology& topology);

/// The triangles that are drawn, by the way in which their corners run in the image.
enum class Facing : std::uint8_t { both, clockwise, counter_clockwise };

struct RasterizeAttrs {
  std::int64_t height = 256, width = 256;
  Facing facing = Facing::both;
  double near = 1e-3;  // least depth of what is drawn
  bool operator==(const RasterizeAttrs&) const = default;
  std::string str() const;
};

/// What rasterize() gives, both i32.
struct Raster {
  Value ids;    // [N,H,W], the triangle that a pixel shows; -1: none
  Value boxes;  // [N,F,4], left, top, right, bottom: the pixels whose centres a triangle may cover; right and bottom
                // lie outside. All 0 for one that is not drawn
};

/// Finds the nearest triangle at the centre of each pixel.
///   vertices [N,V,3]: x to the right, y down, in pixels, pixel (column, row) having its centre at (column + 0.5, row +
///   0.5); z the depth, a positive distance, larger = farther. triangles i32 [F,3].
/// R1: vertices are [N,V,3] of a floating dtype.  R2: triangles are i32 [F,3].  R3: height and width are in 1..4096,
/// near is positive. Coverage is exact: x and y are rounded to 2^-16 pixel, and a centre that lies on an edge belongs
/// to the triangle for which that edge is a left one or a horizontal one at its top. So triangles that share an edge
/// draw each pixel along it exactly once. The nearer triangle wins; of equally near ones the first. Not drawn:
/// triangles without area, of the other facing, with an index out of range, and with a corner that is not finite,
/// nearer than `near`, or farther than 8192 pixels from the origin in x or y (nothing is clipped). No gradient: the
/// results are integers.
Raster rasterize(Value vertices, Value triangles, const RasterizeAttrs& attrs);

/// The weights of the corners at the pixels' centres, corrected for perspective.
///   vertices [N,V,3], ids [N,H,W] -> b [N,3,H,W], in 0..1 with sum 1; all 0 where there is no triangle
///   b_k = (e_k / z_k) / sum_j (e_j / z_j), e_k the area that the centre spans with the edge opposite to corner k
/// An e_k of the wrong sign (a centre that rounding has put inside) counts as 0; where all do, b is 1/3.
/// R1, R2 as above.  R4: corners are i32 [V + 1 + 3 F].  R5: ids are i32 [N,H,W], boxes i32 [N,F,4].
/// Gradient: to vertices, of the triangle that is shown: ids count as constant. Not differentiable again. Sums are in
/// a fixed order.
Value barycentrics(Value vertices, const Mesh& mesh, const Raster& raster);

extern const OpDef rasterize_op, barycentrics_op, barycentrics_grad_op;

}  // namespace g2face
