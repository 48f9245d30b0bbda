#pragma once

#include "g2face/graph/graph.hpp"
#include "g2face/ops/rasterize.hpp"

namespace g2face {

/// How far it is from a pixel's centre to where its surface ends: what antialias() needs.
///   vertices [N,V,3] as rasterize() took them -> distances [N,4,H,W] to the left, right, top, bottom, in pixels
/// A distance is 0.5, "none", but for a pixel whose neighbour on that side shows something behind it: then the surface
/// is followed from triangle to triangle towards the neighbour's centre until it ends, at a border of the mesh or where
/// the next triangle faces the other way; if that happens, the distance is how far (0..1). So edges are found whatever
/// the size of the triangles. Of a pixel's horizontal and vertical distances only those of the pair with the least one
/// stay; the others become none, so that a slanted edge is not counted twice. R1: vertices are [N,V,3] of a floating
/// dtype.  R2: triangles and neighbours are i32 [F,3], corners i32 [V + 1 + 3 F]. R3: ids are i32 [N,H,W]. Gradient: to
/// x and y of the two vertices of the edge where the surface ends. Not differentiable again.
Value silhouettes(Value vertices, const Mesh& mesh, const Raster& raster);

extern const OpDef silhouettes_op, silhouettes_grad_op;

}  // namespace g2face
