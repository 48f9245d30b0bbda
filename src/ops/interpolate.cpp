#include "g2face/ops/interpolate.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "g2face/ops/reduce.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/mesh.hpp"

namespace g2face {
namespace {

// Inputs of all three: two values, triangles, corners, ids, boxes.
Value add(const OpDef& op, Value a, Value b, const Mesh& mesh, const Raster& raster) {
  return a.graph->add(op, {a, b, mesh.triangles, mesh.corners, raster.ids, raster.boxes}, NoAttrs{});
}
// neighbours play no part.
Mesh mesh_of(const GradRule& r) { return {r.in(2), {}, r.in(3)}; }
Raster raster_of(const GradRule& r) { return {r.in(4), r.in(5)}; }

void check_weights(const Type& weights, const Type& ids) {
  const Shape& s = ids.shape;
  check<ShapeError>(is_float(weights.dtype) && s.rank() == 3 && weights.shape == Shape{s[0], 3, s[1], s[2]}, "weights ",
                    weights.str(), " must be [N,3,H,W] for ids ", s, " (R2)");
}

void check_attributes(const Type& attributes, DType dtype, std::int64_t samples) {
  const Shape& s = attributes.shape;
  check<ShapeError>(attributes.dtype == dtype && s.rank() == 3 && (s[0] == samples || s[0] == 1), "attributes ",
                    attributes.str(), " must be ", dtype, "[", samples, ",V,C] or [1,V,C] (R1)");
}

void check_mesh(std::span<const Type> in, std::int64_t vertices) {
  check_triangles(in[2], "R3");
  check_corners(in[3], vertices, in[2].shape[0], "R3");
  check_raster(in[4], in[5], in[4].shape[0], in[2].shape[0], "R3");
}

void check_dy(const Type& dy, DType dtype, const Type& ids) {
  const Shape &s = dy.shape, &i = ids.shape;
  check<ShapeError>(dy.dtype == dtype && s.rank() == 4 && i.rank() == 3 && s[0] == i[0] && s[2] == i[1] && s[3] == i[2],
                    "dy ", dy.str(), " must be ", dtype, "[N,C,H,W] for ids ", i, " (R1)");
}

Types infer(const NoAttrs&, std::span<const Type> in) {
  check_weights(in[1], in[4]);
  const Shape& ids = in[4].shape;
  check_attributes(in[0], in[1].dtype, ids[0]);
  check_mesh(in, in[0].shape[1]);
  return {{in[0].dtype, {ids[0], in[0].shape[2], ids[1], ids[2]}}};
}

Types infer_attributes_grad(const NoAttrs&, std::span<const Type> in) {
  check_weights(in[1], in[4]);
  check_dy(in[0], in[1].dtype, in[4]);
  check_triangles(in[2], "R3");
  const std::int64_t vertices = in[3].shape.numel() - 1 - 3 * in[2].shape[0];
  check<ShapeError>(vertices >= 0, "corners ", in[3].str(), " are too few for triangles ", in[2].shape, " (R3)");
  check_mesh(in, vertices);
  return {{in[0].dtype, {in[4].shape[0], vertices, in[0].shape[1]}}};
}

Types infer_weights_grad(const NoAttrs&, std::span<const Type> in) {
  check_dy(in[0], in[1].dtype, in[4]);
  const Shape& ids = in[4].shape;
  check_attributes(in[1], in[0].dtype, ids[0]);
  check<ShapeError>(in[0].shape[1] == in[1].shape[2], "dy ", in[0].shape, " must have the channels of attributes ",
                    in[1].shape, " (R1)");
  check_mesh(in, in[1].shape[1]);
  return {{in[0].dtype, {ids[0], 3, ids[1], ids[2]}}};
}

void grad(GradRule& r, const NoAttrs&) {
  const Mesh mesh = mesh_of(r);
  const Raster raster = raster_of(r);
  if (r.needs(0)) r.dx(0, sum_to(interpolate_attributes_grad(r.dy(), r.in(1), mesh, raster), r.in(0).shape()));
  if (r.needs(1)) r.dx(1, interpolate_weights_grad(r.dy(), r.in(0), mesh, raster));
}

void grad_attributes_grad(GradRule& r, const NoAttrs&) {
  const Mesh mesh = mesh_of(r);
  const Raster raster = raster_of(r);
  if (r.needs(0)) r.dx(0, interpolate(r.dy(), r.in(1), mesh, raster));
  if (r.needs(1)) r.dx(1, interpolate_weights_grad(r.in(0), r.dy(), mesh, raster));
}

void grad_weights_grad(GradRule& r, const NoAttrs&) {
  const Mesh mesh = mesh_of(r);
  const Raster raster = raster_of(r);
  if (r.needs(0)) r.dx(0, interpolate(r.in(1), r.dy(), mesh, raster));
  if (r.needs(1)) r.dx(1, sum_to(interpolate_attributes_grad(r.in(0), r.dy(), mesh, raster), r.in(1).shape()));
}

/// Calls f(place of channel 0 in y, of weight 0, of attribute 0 of corner k, k) for the corners of what pixels show.
/// attribute_samples: 1 if all samples have the same.
template <class F>
void for_each_corner(const ReferenceArgs& args, std::int64_t vertices, std::int64_t channels,
                     std::int64_t attribute_samples, F f) {
  const Shape& ids = args.in_shape(4);
  const std::int64_t pixels = ids[1] * ids[2];
  for (std::int64_t i = 0; i < ids.numel(); ++i) {
    std::array<std::int64_t, 3> corner{};
    if (!corners_of(args, 2, static_cast<std::int64_t>(args.in_data[4][i]), vertices, corner)) continue;
    const std::int64_t n = i / pixels, at = i % pixels, of_attributes = attribute_samples == 1 ? 0 : n;
    for (std::int64_t k = 0; k < 3; ++k)
      f(n * channels * pixels + at, (n * 3 + k) * pixels + at,
        (of_attributes * vertices + corner[static_cast<std::size_t>(k)]) * channels);
  }
}

void reference(const NoAttrs&, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const Shape& attributes = args.in_shape(0);
  const std::int64_t pixels = args.out_shape()[2] * args.out_shape()[3], channels = attributes[2];
  for_each_corner(args, attributes[1], channels, attributes[0], [&](auto y, auto weight, auto attribute) {
    for (std::int64_t c = 0; c < channels; ++c)
      args.out_data[0][y + c * pixels] += args.in_data[1][weight] * args.in_data[0][attribute + c];
  });
}

void reference_attributes_grad(const NoAttrs&, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const Shape &dy = args.in_shape(0), &attributes = args.out_shape();
  const std::int64_t pixels = dy[2] * dy[3], channels = dy[1];
  for_each_corner(args, attributes[1], channels, attributes[0], [&](auto y, auto weight, auto attribute) {
    for (std::int64_t c = 0; c < channels; ++c)
      args.out_data[0][attribute + c] += args.in_data[1][weight] * args.in_data[0][y + c * pixels];
  });
}

void reference_weights_grad(const NoAttrs&, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const Shape &dy = args.in_shape(0), &attributes = args.in_shape(1);
  const std::int64_t pixels = dy[2] * dy[3], channels = dy[1];
  for_each_corner(args, attributes[1], channels, attributes[0], [&](auto y, auto weight, auto attribute) {
    for (std::int64_t c = 0; c < channels; ++c)
      args.out_data[0][weight] += args.in_data[0][y + c * pixels] * args.in_data[1][attribute + c];
  });
}

}  // namespace

Value interpolate(Value attributes, Value weights, const Mesh& mesh, const Raster& raster) {
  return add(interpolate_op, attributes, weights, mesh, raster);
}
Value interpolate_attributes_grad(Value dy, Value weights, const Mesh& mesh, const Raster& raster) {
  return add(interpolate_attributes_grad_op, dy, weights, mesh, raster);
}
Value interpolate_weights_grad(Value dy, Value attributes, const Mesh& mesh, const Raster& raster) {
  return add(interpolate_weights_grad_op, dy, attributes, mesh, raster);
}

const OpDef interpolate_op = define_op<NoAttrs, infer, grad, reference>("interpolate")
                                 .with_cpu<NoAttrs, interpolate_cpu>()
                                 .with_cuda<NoAttrs, interpolate_cuda>();
const OpDef interpolate_attributes_grad_op =
    define_op<NoAttrs, infer_attributes_grad, grad_attributes_grad, reference_attributes_grad>(
        "interpolate_attributes_grad")
        .with_cpu<NoAttrs, interpolate_attributes_grad_cpu>()
        .with_cuda<NoAttrs, interpolate_attributes_grad_cuda>();
const OpDef interpolate_weights_grad_op =
    define_op<NoAttrs, infer_weights_grad, grad_weights_grad, reference_weights_grad>("interpolate_weights_grad")
        .with_cpu<NoAttrs, interpolate_weights_grad_cpu>()
        .with_cuda<NoAttrs, interpolate_weights_grad_cuda>();

}  // namespace g2face
