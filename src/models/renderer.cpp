#include "g2face/models/renderer.hpp"

#include <cmath>

#include "g2face/ops.hpp"

namespace g2face {

RenderOptions RenderOptions::scaled(double factor) const {
  RenderOptions o = *this;
  o.height = std::lround(static_cast<double>(height) * factor);
  o.width = std::lround(static_cast<double>(width) * factor);
  o.focal = focal * factor;
  o.centre_x = (centre_x + 0.5) * factor - 0.5;  // the picture's borders lie half a pixel beyond the outer centres
  o.centre_y = (centre_y + 0.5) * factor - 0.5;
  return o;
}

Value to_raster(Value points, const RenderOptions& o) {
  const auto axis = [&](int i) { return slice_axis(points, 2, i, 1); };
  const Value z = axis(2);
  const Value depth = maximum(z, broadcast_to(points.graph->constant(Tensor::scalar(o.near, z.dtype())), z.shape()));
  const Value x = affine(axis(0) / depth, o.focal, o.centre_x + 0.5);
  const Value y = affine(axis(1) / depth, -o.focal, static_cast<double>(o.height) - 0.5 - o.centre_y);
  return concat({x, y, z}, 2);
}

Rendered render_mesh(const Mesh& mesh, Value points, Value attributes, const RenderOptions& o) {
  const Value at = to_raster(points, o);
  Rendered r;
  r.raster = rasterize(at, mesh.triangles, {.height = o.height, .width = o.width, .facing = o.facing, .near = o.near});
  r.weights = barycentrics(at, mesh, r.raster);
  r.image = interpolate(attributes, r.weights, mesh, r.raster);
  r.depth = interpolate(slice_axis(points, 2, 2, 1), r.weights, mesh, r.raster);
  r.mask = sign(r.depth);
  if (o.antialias) {
    const Value distances = silhouettes(at, mesh, r.raster);
    r.image = antialias(r.image, distances);
    r.mask = antialias(r.mask, distances);
  }
  return r;
}

Value render_more(const Mesh& mesh, const Rendered& rendered, Value attributes) {
  return interpolate(attributes, rendered.weights, mesh, rendered.raster);
}

}  // namespace g2face
