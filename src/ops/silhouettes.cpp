#include "g2face/ops/silhouettes.hpp"

#include <algorithm>
#include <vector>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/silhouette_walk.hpp"
#include "ops/mesh.hpp"

namespace g2face {
namespace {

// vertices, triangles, neighbours, corners, ids
Types infer(const NoAttrs&, std::span<const Type> in) {
  check_vertices(in[0]);
  check_triangles(in[1]);
  check_indices(in[2], in[1].shape, "neighbours", "R2");
  check_corners(in[3], in[0].shape[1], in[1].shape[0], "R2");
  check_ids(in[4], in[0].shape[0], "R3");
  const Shape& ids = in[4].shape;
  const Shape out{ids[0], raster::directions, ids[1], ids[2]};
  return {{in[0].dtype, out}, {DType::i32, out}};
}

// vertices, triangles, corners, edges, the cotangent of distances
Types infer_grad(const NoAttrs&, std::span<const Type> in) {
  check_vertices(in[0]);
  check_triangles(in[1]);
  check_corners(in[2], in[0].shape[1], in[1].shape[0], "R2");
  const Shape& s = in[4].shape;
  check<ShapeError>(in[4].dtype == in[0].dtype && s.rank() == 4 && s[0] == in[0].shape[0] && s[1] == raster::directions,
                    "the cotangent ", in[4].str(), " must be [N,4,H,W] for vertices ", in[0].str(), " (R4)");
  check_indices(in[3], s, "edges", "R4");
  return {in[0]};
}

void grad(GradRule& r, const NoAttrs& a) {
  if (!r.needs(0)) return;
  r.dx(0, r.graph().add(silhouettes_grad_op, {r.in(0), r.in(1), r.in(3), r.out(1), r.dy(0)}, a));
}

std::vector<std::int32_t> integers(std::span<const double> values) {
  std::vector<std::int32_t> result;
  for (const double v : values) result.push_back(static_cast<std::int32_t>(v));
  return result;
}

void reference(const NoAttrs&, const ReferenceArgs& args) {
  const Shape& shape = args.out_shape();
  const std::int64_t height = shape[2], width = shape[3], pixels = height * width, vertices = args.in_shape(0)[1];
  const std::vector<std::int32_t> triangles = integers(args.in(1)), neighbours = integers(args.in(2));
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const raster::Surface<double> surface{
        {triangles.data(), args.in_shape(1)[0], vertices}, neighbours.data(), args.in_data[0] + n * vertices * 3};
    const auto ids = [&](std::int64_t x, std::int64_t y) {
      return static_cast<std::int64_t>(args.in_data[4][n * pixels + y * width + x]);
    };
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        raster::End end[raster::directions];
        surface.ends(ids, height, width, x, y, end);
        for (int d = 0; d < raster::directions; ++d) {
          const std::int64_t at = (n * raster::directions + d) * pixels + y * width + x;
          args.out_data[0][at] = end[d].distance;
          args.out_data[1][at] = end[d].edge;
        }
      }
    }
  }
}

void reference_grad(const NoAttrs&, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const Shape& shape = args.in_shape(4);
  const std::int64_t width = shape[3], pixels = shape[2] * width, vertices = args.in_shape(0)[1];
  const std::vector<std::int32_t> triangles = integers(args.in(1));
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const auto edge = static_cast<std::int32_t>(args.in_data[3][i]);
    const std::int64_t n = i / pixels / raster::directions, at = i % pixels;
    const raster::Surface<double> surface{
        {triangles.data(), args.in_shape(1)[0], vertices}, nullptr, args.in_data[0] + n * vertices * 3};
    std::int32_t corner[3];
    if (edge < 0 || !surface.faces.corners(edge / 3, corner)) continue;
    double of_corners[9] = {};
    surface.add_gradient(edge, at % width, at / width, static_cast<int>(i / pixels % raster::directions),
                         args.in_data[4][i], of_corners);
    for (int k = 0; k < 9; ++k) args.out_data[0][(n * vertices + corner[k / 3]) * 3 + k % 3] += of_corners[k];
  }
}

}  // namespace

Value silhouettes(Value vertices, const Mesh& mesh, const Raster& raster) {
  return vertices.graph->add(silhouettes_op, {vertices, mesh.triangles, mesh.neighbours, mesh.corners, raster.ids},
                             NoAttrs{});
}

const OpDef silhouettes_op = define_op<NoAttrs, infer, grad, reference>("silhouettes")
                                 .with_cpu<NoAttrs, silhouettes_cpu>()
                                 .with_cuda<NoAttrs, silhouettes_cuda>();
const OpDef silhouettes_grad_op = define_op<NoAttrs, infer_grad, nullptr, reference_grad>("silhouettes_grad")
                                      .with_cpu<NoAttrs, silhouettes_grad_cpu>()
                                      .with_cuda<NoAttrs, silhouettes_grad_cuda>();

}  // namespace g2face
