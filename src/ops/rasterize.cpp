#include "g2face/ops/rasterize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/raster.hpp"
#include "ops/mesh.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

constexpr std::int64_t most_pixels = 4096;  // of a side

Types infer_rasterize(const RasterizeAttrs& a, std::span<const Type> in) {
  check_vertices(in[0]);
  check_triangles(in[1]);
  check<ShapeError>(a.height >= 1 && a.width >= 1 && a.height <= most_pixels && a.width <= most_pixels && a.near > 0,
                    "height and width must be in 1..", most_pixels, " and near positive, but they are ", a.str(),
                    " (R3)");
  const std::int64_t n = in[0].shape[0];
  return {{DType::i32, {n, a.height, a.width}}, {DType::i32, {n, in[1].shape[0], 4}}};
}

// vertices, triangles, corners, ids, boxes
void check_barycentric_inputs(std::span<const Type> in) {
  check_vertices(in[0]);
  check_triangles(in[1]);
  check_corners(in[2], in[0].shape[1], in[1].shape[0], "R4");
  check_raster(in[3], in[4], in[0].shape[0], in[1].shape[0], "R5");
}

Types infer_barycentrics(const NoAttrs&, std::span<const Type> in) {
  check_barycentric_inputs(in);
  const Shape& ids = in[3].shape;
  return {{in[0].dtype, {ids[0], 3, ids[1], ids[2]}}};
}

Types infer_barycentrics_grad(const NoAttrs& a, std::span<const Type> in) {
  const Type weights = infer_barycentrics(a, in)[0];
  check<ShapeError>(in[5] == weights, "the cotangent ", in[5].str(), " must be ", weights.str(), " (R6)");
  return {in[0]};
}

void grad_barycentrics(GradRule& r, const NoAttrs& a) {
  if (!r.needs(0)) return;
  r.dx(0, r.graph().add(barycentrics_grad_op, {r.in(0), r.in(1), r.in(2), r.in(3), r.in(4), r.dy()}, a));
}

struct Point {
  std::int64_t x, y;  // in subpixels
};

/// Where vertex v of a sample is; nothing if it cannot be drawn.
std::optional<Point> point_of(std::span<const double> vertices, std::int64_t v, double near) {
  const std::span<const double> at = vertices.subspan(static_cast<std::size_t>(3 * v), 3);
  const bool drawn = std::fabs(at[0]) <= raster::guard && std::fabs(at[1]) <= raster::guard && at[2] >= near &&
                     at[2] <= std::numeric_limits<float>::max();
  if (!drawn) return std::nullopt;
  return Point{std::llrint(at[0] * raster::pixel), std::llrint(at[1] * raster::pixel)};
}

/// Twice the area of a, b and p, positive if they run clockwise.
std::int64_t cross(const Point& a, const Point& b, const Point& p) {
  return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

/// Whether a point at `area` from the edge a -> b of a clockwise triangle lies inside of it.
bool is_inside(std::int64_t area, const Point& a, const Point& b) {
  const bool left = b.y < a.y, top = b.y == a.y && b.x > a.x;
  return area > 0 || (area == 0 && (left || top));
}

void reference_rasterize(const RasterizeAttrs& a, const ReferenceArgs& args) {
  const std::int64_t samples = args.in_shape(0)[0], vertices = args.in_shape(0)[1], faces = args.in_shape(1)[0];
  std::fill(args.out(0).begin(), args.out(0).end(), -1.0);
  std::fill(args.out(1).begin(), args.out(1).end(), 0.0);
  std::vector<double> nearest(static_cast<std::size_t>(a.height * a.width));  // 1 / depth
  for (std::int64_t n = 0; n < samples; ++n) {
    std::fill(nearest.begin(), nearest.end(), 0.0);
    const auto own = args.in(0).subspan(static_cast<std::size_t>(n * vertices * 3));
    double* const ids = args.out_data[0] + n * a.height * a.width;
    for (std::int64_t f = 0; f < faces; ++f) {
      std::array<std::int64_t, 3> corner{};
      if (!corners_of(args, 1, f, vertices, corner)) continue;
      std::array<std::optional<Point>, 3> maybe;
      for (std::size_t k = 0; k < 3; ++k) maybe[k] = point_of(own, corner[k], a.near);
      if (!maybe[0] || !maybe[1] || !maybe[2]) continue;
      std::int64_t area = cross(*maybe[0], *maybe[1], *maybe[2]);
      if (area == 0 || (a.facing == Facing::clockwise && area < 0) ||
          (a.facing == Facing::counter_clockwise && area > 0))
        continue;
      if (area < 0) {
        std::swap(maybe[1], maybe[2]);
        std::swap(corner[1], corner[2]);
        area = -area;
      }
      const Point p0 = *maybe[0], p1 = *maybe[1], p2 = *maybe[2];
      // Pixel i has its centre at (i + 1/2) pixels: those from the first not before the least corner to the last not
      // behind the greatest one.
      const auto first = [](std::int64_t low) {
        return std::max<std::int64_t>(
            0, static_cast<std::int64_t>(std::ceil(static_cast<double>(low - raster::half_pixel) / raster::pixel)));
      };
      const auto last = [](std::int64_t high, std::int64_t size) {
        return std::min(
            size,
            static_cast<std::int64_t>(std::floor(static_cast<double>(high - raster::half_pixel) / raster::pixel)) + 1);
      };
      const std::int64_t left = first(std::min({p0.x, p1.x, p2.x})),
                         right = last(std::max({p0.x, p1.x, p2.x}), a.width);
      const std::int64_t top = first(std::min({p0.y, p1.y, p2.y})),
                         bottom = last(std::max({p0.y, p1.y, p2.y}), a.height);
      if (left >= right || top >= bottom) continue;
      double* const box = args.out_data[1] + (n * faces + f) * 4;
      box[0] = static_cast<double>(left);
      box[1] = static_cast<double>(top);
      box[2] = static_cast<double>(right);
      box[3] = static_cast<double>(bottom);
      double weight[3];
      for (std::size_t k = 0; k < 3; ++k)
        weight[k] = 1 / own[static_cast<std::size_t>(3 * corner[k] + 2)] * (1 / static_cast<double>(area));
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) {
          const Point p{x * raster::pixel + raster::half_pixel, y * raster::pixel + raster::half_pixel};
          const std::int64_t e0 = cross(p1, p2, p), e1 = cross(p2, p0, p), e2 = cross(p0, p1, p);
          if (!is_inside(e0, p1, p2) || !is_inside(e1, p2, p0) || !is_inside(e2, p0, p1)) continue;
          const double inverse_depth = static_cast<double>(e0) * weight[0] + static_cast<double>(e1) * weight[1] +
                                       static_cast<double>(e2) * weight[2];
          double& best = nearest[static_cast<std::size_t>(y * a.width + x)];
          if (!(inverse_depth > best)) continue;
          best = inverse_depth;
          ids[y * a.width + x] = static_cast<double>(f);
        }
      }
    }
  }
}

/// Calls f(pixel of all samples, its triangle's corners, that triangle as the pixel sees it).
template <class F>
void for_each_shown(const ReferenceArgs& args, F f) {
  const Shape& ids = args.in_shape(3);
  const std::int64_t vertices = args.in_shape(0)[1];
  for (std::int64_t i = 0; i < ids.numel(); ++i) {
    std::array<std::int64_t, 3> corner{};
    if (!corners_of(args, 1, static_cast<std::int64_t>(args.in_data[3][i]), vertices, corner)) continue;
    const std::int64_t n = i / (ids[1] * ids[2]), row = i / ids[2] % ids[1], column = i % ids[2];
    const std::int32_t v[3] = {static_cast<std::int32_t>(corner[0]), static_cast<std::int32_t>(corner[1]),
                               static_cast<std::int32_t>(corner[2])};
    f(n, row * ids[2] + column, v, raster::Seen::of(args.in_data[0] + n * vertices * 3, v, column, row));
  }
}

void reference_barycentrics(const NoAttrs&, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const std::int64_t pixels = args.in_shape(3)[1] * args.in_shape(3)[2];
  for_each_shown(args, [&](std::int64_t n, std::int64_t at, const auto&, const raster::Seen& seen) {
    double b[3];
    seen.weights(b);
    for (int k = 0; k < 3; ++k) args.out_data[0][(n * 3 + k) * pixels + at] = b[k];
  });
}

void reference_barycentrics_grad(const NoAttrs&, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const std::int64_t pixels = args.in_shape(3)[1] * args.in_shape(3)[2], vertices = args.in_shape(0)[1];
  for_each_shown(args, [&](std::int64_t n, std::int64_t at, const auto& v, const raster::Seen& seen) {
    double g[3], of_corners[9] = {};
    for (int k = 0; k < 3; ++k) g[k] = args.in_data[5][(n * 3 + k) * pixels + at];
    seen.add_gradient(g, of_corners);
    for (int i = 0; i < 9; ++i) args.out_data[0][(n * vertices + v[i / 3]) * 3 + i % 3] += of_corners[i];
  });
}

}  // namespace

MeshTopology mesh_topology(const Tensor& triangles, std::int64_t vertices) {
  check<ShapeError>(triangles.dtype() == DType::i32 && triangles.shape().rank() == 2 && triangles.shape()[1] == 3,
                    "a mesh's triangles ", triangles.type().str(), " must be i32 [F,3]");
  const std::int64_t corners = triangles.numel();
  check<ShapeError>(vertices >= 0 && corners + vertices < std::numeric_limits<std::int32_t>::max(), "a mesh of ",
                    vertices, " vertices and ", corners / 3, " triangles is too large for i32");
  const std::span<const std::int32_t> index = triangles.as<std::int32_t>();
  MeshTopology topology{triangles, Tensor({DType::i32, triangles.shape()}),
                        Tensor({DType::i32, {vertices + 1 + corners}})};

  struct Edge {
    std::int32_t low, high, corner;
    auto key() const { return std::array{low, high, corner}; }
  };
  std::vector<Edge> edges;
  std::vector<std::int32_t> starts(static_cast<std::size_t>(vertices) + 1);
  for (std::size_t c = 0; c < index.size(); ++c) {
    check<ShapeError>(index[c] >= 0 && index[c] < vertices, "triangle ", c / 3, " of a mesh has the corner ", index[c],
                      ", but there are ", vertices, " vertices");
    ++starts[static_cast<std::size_t>(index[c]) + 1];
  }
  for (std::size_t f = 0; f < index.size(); f += 3) {
    for (std::size_t k = 0; k < 3; ++k) {
      const std::int32_t a = index[f + (k + 1) % 3], b = index[f + (k + 2) % 3];
      edges.push_back({std::min(a, b), std::max(a, b), static_cast<std::int32_t>(f + k)});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.key() < b.key(); });

  const std::span<std::int32_t> neighbours = topology.neighbours.mutable_as<std::int32_t>();
  std::fill(neighbours.begin(), neighbours.end(), -1);
  for (std::size_t i = 0, j = 0; i < edges.size(); i = j) {
    for (j = i; j < edges.size() && edges[j].low == edges[i].low && edges[j].high == edges[i].high;) ++j;
    if (j - i != 2) continue;
    neighbours[static_cast<std::size_t>(edges[i].corner)] = edges[i + 1].corner / 3;
    neighbours[static_cast<std::size_t>(edges[i + 1].corner)] = edges[i].corner / 3;
  }

  for (std::size_t v = 1; v < starts.size(); ++v) starts[v] += starts[v - 1];
  const std::span<std::int32_t> list = topology.corners.mutable_as<std::int32_t>();
  std::copy(starts.begin(), starts.end(), list.begin());
  for (std::size_t c = 0; c < index.size(); ++c) {
    std::int32_t& next = starts[static_cast<std::size_t>(index[c])];
    list[static_cast<std::size_t>(vertices + 1 + next++)] = static_cast<std::int32_t>(c);
  }
  return topology;
}

Mesh mesh_constants(Graph& graph, const MeshTopology& topology) {
  return {graph.constant(topology.triangles), graph.constant(topology.neighbours), graph.constant(topology.corners)};
}

std::string RasterizeAttrs::str() const {
  constexpr std::string_view names[] = {"both", "clockwise", "counter-clockwise"};
  return g2face::str(height, "x", width, ", facing ", names[static_cast<std::size_t>(facing)], ", near ", exact(near));
}

Raster rasterize(Value vertices, Value triangles, const RasterizeAttrs& attrs) {
  const Value ids = vertices.graph->add(rasterize_op, {vertices, triangles}, attrs);
  return {ids, {ids.graph, ids.node, 1}};
}

Value barycentrics(Value vertices, const Mesh& mesh, const Raster& raster) {
  return vertices.graph->add(barycentrics_op, {vertices, mesh.triangles, mesh.corners, raster.ids, raster.boxes},
                             NoAttrs{});
}

const OpDef rasterize_op = define_op<RasterizeAttrs, infer_rasterize, nullptr, reference_rasterize>("rasterize")
                               .with_cpu<RasterizeAttrs, rasterize_cpu>()
                               .with_cuda<RasterizeAttrs, rasterize_cuda>();
const OpDef barycentrics_op =
    define_op<NoAttrs, infer_barycentrics, grad_barycentrics, reference_barycentrics>("barycentrics")
        .with_cpu<NoAttrs, barycentrics_cpu>()
        .with_cuda<NoAttrs, barycentrics_cuda>();
const OpDef barycentrics_grad_op =
    define_op<NoAttrs, infer_barycentrics_grad, nullptr, reference_barycentrics_grad>("barycentrics_grad")
        .with_cpu<NoAttrs, barycentrics_grad_cpu>()
        .with_cuda<NoAttrs, barycentrics_grad_cuda>();

}  // namespace g2face
