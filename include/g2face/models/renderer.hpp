#pragma once
// Pictures of meshes as a function that can be differentiated. docs/rendering.md says what the gradients mean.

#include <cstdint>

#include "g2face/graph/graph.hpp"
#include "g2face/ops/rasterize.hpp"

namespace g2face {

/// A pinhole camera at the origin. Points are [N,V,3]: x to the right, y up, z the depth, which grows away from the
/// camera. x' = focal x / z + centre_x and y' = focal y / z + centre_y are pixels with y up, whole numbers at centres:
/// column x', row height - 1 - y'. The defaults are those of Deep3DFaceRecon (and so of G2Face), whose faces are about
/// 10 decimetres away, in pictures of 224 pixels.
struct RenderOptions {
  std::int64_t height = 224, width = 224;
  double focal = 1015, centre_x = 112, centre_y = 112;
  Facing facing = Facing::counter_clockwise;  // in the picture: what faces the camera, if it does so seen from outside
  double near = 0.1;                          // nearer triangles are not drawn
  bool antialias = true;

  /// The same view in a picture `factor` times as large; a square one of 224 pixels becomes one of 256 with 256 / 224.
  RenderOptions scaled(double factor) const;
};

/// Where points lie in the picture, as rasterize() takes them.        [N,V,3] -> [N,V,3]: column + 0.5, row + 0.5, z
/// Points nearer than `near` have coordinates that are finite and mean nothing.
Value to_raster(Value points, const RenderOptions& options);

struct Rendered {
  Value image;  // [N,C,H,W]: attributes, 0 where no surface is; with `antialias`, edges are mixed with what is behind
  Value mask;   // [N,1,H,W]: the part of each pixel that a surface covers, 0..1
  Value depth;  // [N,1,H,W]: z of the surface at the pixel's centre, 0 where there is none
  Raster raster;
  Value weights;  // [N,3,H,W], of barycentrics()
};

/// Draws a mesh.
///   points [N,V,3] in front of the camera; attributes [N,V,C] or [1,V,C]: colours, normals, anything
/// Over a photo: image + (1 - mask) * photo. Gradients reach points and attributes, and through these light and
/// coefficients. Values that no output of a plan needs cost nothing.
Rendered render_mesh(const Mesh& mesh, Value points, Value attributes, const RenderOptions& options);

/// More attributes of a mesh that was drawn, without blended edges: normals, say.        -> [N,C,H,W]
Value render_more(const Mesh& mesh, const Rendered& rendered, Value attributes);

}  // namespace g2face
