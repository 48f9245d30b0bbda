#pragma once
// Mesh files in and out.

#include <cstdint>
#include <span>
#include <string>

#include "g2face/tensor.hpp"

namespace g2face {

/// A mesh file that cannot be read or written.
struct MeshError : Error {
  using Error::Error;
};

/// A mesh of triangles. Units and axes are the file's.
struct MeshData {
  Tensor positions;  // f32 [V,3]
  Tensor triangles;  // i32 [F,3], vertices
  Tensor colours;    // f32 [V,3], 0..1, or empty
  Tensor normals;    // f32 [V,3], or empty
};

/// Reads a Wavefront OBJ file.
/// R1: `v x y z` (or x y z w, w being ignored, or x y z r g b: all vertices have colours or none; they are clamped to
/// 0..1).  R2: `f` with three or more corners `v`, `v/vt`, `v//vn` or `v/vt/vn`, counted from 1, or from -1 backwards,
/// of what stands above; polygons become fans of triangles.  R3: vt and vn are checked and dropped.  R4: comments,
/// names, groups, materials, lines and points are passed over; anything else is an error.  R5: numbers are finite.
/// Throws MeshError naming file and line; a file of more than 512 MB is refused, and so is one without a triangle.
MeshData load_obj(const std::string& path);
/// The same from memory; `name` stands in for the file in messages.
MeshData parse_obj(std::span<const std::uint8_t> bytes, const std::string& name);

/// Writes a mesh as Wavefront OBJ (text, nine significant digits: reading gives the same f32) or as binary
/// little-endian PLY (colours as 8 bit); the extension chooses. Writes a temporary file beside `path`, flushes,
/// renames. Throws MeshError, "PATH: what: what to do", leaving nothing behind; what is not finite is refused.
void save_mesh(const std::string& path, const MeshData& mesh);

/// Unit normals of vertices: the sum of the normals of their triangles, weighted by area, pointing to where corners run
/// counter-clockwise. 0 for a vertex without any.        -> f32 [V,3]
Tensor mesh_normals(const Tensor& positions, const Tensor& triangles);

}  // namespace g2face
