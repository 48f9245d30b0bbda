#pragma once

#include <cstdint>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// How much a triangle counts in the normals of its vertices.
enum class NormalWeight : std::uint8_t {
  equal,  // each triangle's normal has length 1 (Deep3DFaceRecon, and so G2Face)
  area,   // or twice the area, as the cross product gives it (ICT-FaceKit)
};

struct VertexNormalsAttrs {
  NormalWeight weight = NormalWeight::equal;
  double eps = 1e-12;  // shorter vectors have no direction
  bool operator==(const VertexNormalsAttrs&) const = default;
  std::string str() const;
};

/// What vertex_normals knows of a mesh with V vertices and F triangles: tables, all i32, made by mesh_tables().
struct MeshTables {
  Tensor corners;            // [3F,1]  corner k of triangle f is the vertex corners[k*F+f]
  Tensor vertex_corners;     // [V,E]   its inverse: the entries of `corners` that are this vertex
  Tensor vertex_triangles;   // [V,D]   the triangles that make the normal of each vertex, padded with F
  Tensor triangle_vertices;  // [F,G]  its inverse
};

/// The tables of a mesh. `vertex_triangles` may be empty (no memory): then every triangle counts for its three corners,
/// in ascending order. Throws ShapeError unless triangles is i32 [F,3] and vertex_triangles, where given, i32 [V,D],
/// with all vertices in 0..V-1 and all triangles in 0..F.
MeshTables mesh_tables(const Tensor& triangles, std::int64_t vertices, const Tensor& vertex_triangles = {});

/// Normals of the vertices of a mesh: sums of the normals of triangles, made unit vectors.
///   t_f = unit(cross(p0 - p1, p1 - p2))            p0, p1, p2 the corners of triangle f; no unit() for weight area
///   y_v = unit(sum over d, ascending, of t[vertex_triangles[v,d]])       unit(a) = a / |a|
///   x [N,V,3] -> y [N,V,3]; they point to where corners turn counter-clockwise
/// R1: x is a floating [N,V,3].  R2: tables are i32 of rank 2; corners [3F,1].  R3: vertex_corners and vertex_triangles
/// have V rows, triangle_vertices F.
/// What is shorter than eps has direction 0 and gradient 0: a triangle without area, a vertex without triangles.
/// Formula over gather_sum, so gradients have no atomics either. Source: Deng et al. 2019 (Deep3DFaceRecon).
Value vertex_normals(Value x, const MeshTables& mesh, const VertexNormalsAttrs& attrs = {});

extern const OpDef vertex_normals_op;

}  // namespace g2face
