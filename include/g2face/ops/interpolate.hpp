#pragma once

#include <string>

#include "g2face/graph/graph.hpp"
#include "g2face/ops/rasterize.hpp"

namespace g2face {

/// Attributes of vertices at the pixels that rasterize() gave to triangles.
///   attributes [N,V,C] or [1,V,C], weights [N,3,H,W] (of barycentrics()) -> y [N,C,H,W]
///   y[n,c,i,j] = sum_k weights[n,k,i,j] attributes[n,triangle[k],c], 0 where there is no triangle
/// R1: attributes are [N,V,C] or [1,V,C] and have the floating dtype of weights.  R2: weights are [N,3,H,W].
/// R3: triangles are i32 [F,3], corners i32 [V + 1 + 3 F], ids i32 [N,H,W], boxes i32 [N,F,4].
/// Gradient: to attributes and to weights; closed. Sums are in a fixed order.
Value interpolate(Value attributes, Value weights, const Mesh& mesh, const Raster& raster);
/// The adjoint for attributes: dy [N,C,H,W] -> [N,V,C]. R1: dy has the dtype of weights and their N, H and W.
Value interpolate_attributes_grad(Value dy, Value weights, const Mesh& mesh, const Raster& raster);
/// The adjoint for weights: dy [N,C,H,W] -> [N,3,H,W]. R1: attributes as above, with the channels of dy.
Value interpolate_weights_grad(Value dy, Value attributes, const Mesh& mesh, const Raster& raster);

extern const OpDef interpolate_op, interpolate_attributes_grad_op, interpolate_weights_grad_op;

}  // namespace g2face
