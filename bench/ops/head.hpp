#pragma once
// A head as the face models have them: most of its triangles are smaller than a pixel of a picture of 256.

#include <cmath>
#include <numbers>

#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face::bench {

struct Head {
  Tensor points, colours;  // [N,V,3]
  MeshTopology mesh;
};

struct HeadSize {
  const char* name;
  int rings, segments;
};
constexpr HeadSize bfm_sized{"36k", 180, 198}, ict_sized{"14k", 112, 128};

/// An ellipsoid that is a little bumpy, in camera coordinates.
inline Head head(std::int64_t samples, const HeadSize& size) {
  const int rings = size.rings, segments = size.segments;
  const std::int64_t vertices = static_cast<std::int64_t>(rings + 1) * segments;
  Head h{Tensor({DType::f32, {samples, vertices, 3}}), Tensor({DType::f32, {samples, vertices, 3}}), {}};
  std::vector<std::int32_t> index;
  std::size_t at = 0;
  for (std::int64_t n = 0; n < samples; ++n) {
    for (int i = 0; i <= rings; ++i) {
      for (int j = 0; j < segments; ++j) {
        const double polar = std::numbers::pi * i / rings, turn = 2 * std::numbers::pi * j / segments;
        const double r = 1 + 0.03 * std::sin(9 * turn) * std::sin(7 * polar);
        const double point[3] = {0.8 * r * std::sin(polar) * std::cos(turn), r * std::cos(polar),
                                 10 - 0.9 * r * std::sin(polar) * std::sin(turn)};
        for (const double v : point) h.points.mutable_as<float>()[at++] = static_cast<float>(v);
        if (n > 0 || i == rings) continue;
        const int a = i * segments + j, b = i * segments + (j + 1) % segments;
        for (const int v : {a, a + segments, b, b, a + segments, b + segments}) index.push_back(v);
      }
    }
  }
  for (std::size_t i = 0; i < at; ++i) h.colours.mutable_as<float>()[i] = static_cast<float>(i % 7) / 7;
  Tensor triangles({DType::i32, {static_cast<std::int64_t>(index.size() / 3), 3}});
  std::copy(index.begin(), index.end(), triangles.mutable_as<std::int32_t>().begin());
  h.mesh = mesh_topology(triangles, vertices);
  return h;
}

/// G2Face's camera.
inline RenderOptions camera_of_256() { return RenderOptions{}.scaled(256.0 / 224); }

/// What the ops of the renderer say of one such head, as numbers: operands for each of them.
struct DrawnHead {
  Head head;
  Tensor vertices, ids, boxes, weights, image, distances;
};
inline DrawnHead drawn_head() {
  DrawnHead d{head(1, bfm_sized), {}, {}, {}, {}, {}, {}};
  Graph g;
  const Value points = g.input(d.head.points.type(), "points");
  RenderOptions options = camera_of_256();
  options.antialias = false;
  const Mesh mesh = mesh_constants(g, d.head.mesh);
  const Value vertices = to_raster(points, options);
  const Rendered r = render_mesh(mesh, points, g.constant(d.head.colours), options);
  const Value distances = silhouettes(vertices, mesh, r.raster);
  Executor run(plan(g, {vertices, r.raster.ids, r.raster.boxes, r.weights, r.image, distances}, {}));
  run.set(points, d.head.points);
  run.run();
  d.vertices = run.get(vertices);
  d.ids = run.get(r.raster.ids);
  d.boxes = run.get(r.raster.boxes);
  d.weights = run.get(r.weights);
  d.image = run.get(r.image);
  d.distances = run.get(distances);
  return d;
}

}  // namespace g2face::bench
