// A head of 36,000 vertices and 71,000 triangles as G2Face's face model has them, in a picture of 256 pixels: most of
// its triangles are smaller than a pixel. `render`: everything from points to picture and mask. Items are pictures.

#include <cmath>
#include <numbers>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

struct Head {
  Tensor points, colours;  // [N,V,3]
  MeshTopology mesh;
};

/// An ellipsoid that is a little bumpy, in camera coordinates.
Head head(std::int64_t samples, int rings, int segments) {
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

enum class Part : std::uint8_t { ids, image, render, gradients };

void draw(benchmark::State& state, Part part, std::int64_t samples, const Device& device) {
  if (device.kind == Device::Kind::cuda && Device::cuda_count() == 0) return state.SkipWithError("no CUDA device");
  const Head h = head(samples, 180, 198);
  Graph g;
  const Value points = g.input(h.points.type(), "points"), colours = g.input(h.colours.type(), "colours");
  RenderOptions options;
  options = options.scaled(256.0 / 224);
  options.antialias = part != Part::image;
  const Rendered r = render_mesh(mesh_constants(g, h.mesh), points, colours, options);
  std::vector<Value> outputs;
  if (part == Part::ids) outputs = {r.raster.ids};
  if (part == Part::image) outputs = {r.image};
  if (part == Part::render) outputs = {r.image, r.mask};
  if (part == Part::gradients) outputs = gradients(mean(square(r.image)) + mean(r.mask), {points, colours});
  Executor run(plan(g, outputs, {.device = device, .threads = threads()}));
  run.set(points, h.points);
  run.set(colours, h.colours);
  run.run();
  if (device.kind == Device::Kind::cuda) {
    for (auto _ : state) state.SetIterationTime(run.time(1)[0]);
  } else {
    for (auto _ : state) run.run();
  }
  state.SetItemsProcessed(state.iterations() * samples);
  if (std::getenv("G2FACE_BENCH_PLAN") != nullptr) std::puts(run.plan().print(run.profile()).c_str());
}

const bool registered = [] {
  constexpr std::pair<Part, const char*> parts[] = {
      {Part::ids, "ids"}, {Part::image, "image"}, {Part::render, "render"}, {Part::gradients, "gradients"}};
  for (const auto& part : parts) {
    for (const std::int64_t n : {1, 8}) {
      const std::string name = str("rasterize/", part.second, "/n", n);
      const Part what = part.first;
      add(name, [what, n](benchmark::State& s) { draw(s, what, n, Device::cpu()); });
      add_cuda(name, [what, n](benchmark::State& s) { draw(s, what, n, Device::cuda()); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
