#pragma once
// Small meshes in pixels, and what is drawn of them on each device.

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"

namespace g2face::testing {

struct Scene {
  Tensor vertices;   // f32 [N,V,3]
  Tensor triangles;  // i32 [F,3]
  RasterizeAttrs attrs;
};

inline Tensor triangle_list(const std::vector<std::int32_t>& index) {
  Tensor t({DType::i32, {static_cast<std::int64_t>(index.size() / 3), 3}});
  std::copy(index.begin(), index.end(), t.mutable_as<std::int32_t>().begin());
  return t;
}

/// Triangles that have nothing to do with each other, some of them large.
inline Scene triangle_soup(std::int64_t samples, std::int64_t triangles, std::int64_t height, std::int64_t width) {
  Scene s{Tensor({DType::f32, {samples, 3 * triangles, 3}}), {}, {.height = height, .width = width}};
  const Tensor random = random_tensor({samples, triangles, 12}, 77, 0, 1);
  std::size_t at = 0;
  for (std::size_t t = 0; t < static_cast<std::size_t>(samples * triangles); ++t) {
    const double* r = random.as<double>().data() + 12 * t;
    const double size = 2 + 30 * r[9] * r[9] * r[9];
    for (std::size_t k = 0; k < 3; ++k) {
      const double x = (r[10] * 1.2 - 0.1) * static_cast<double>(width) + size * (r[3 * k] - 0.5);
      const double y = (r[11] * 1.2 - 0.1) * static_cast<double>(height) + size * (r[3 * k + 1] - 0.5);
      for (const double v : {x, y, 1 + 4 * r[3 * k + 2]}) s.vertices.mutable_as<float>()[at++] = static_cast<float>(v);
    }
  }
  std::vector<std::int32_t> index(static_cast<std::size_t>(3 * triangles));
  for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::int32_t>(i);
  s.triangles = triangle_list(index);
  return s;
}

/// A sheet of cells * cells squares of two triangles each, whose corners are moved by up to `jitter` of a cell; its
/// triangles run clockwise in the image. `shape(u, v)` gives x, y and z for u, v in 0..1.
template <class F>
Scene sheet(int cells, double jitter, std::int64_t height, std::int64_t width, const F& shape) {
  const int side = cells + 1;
  Scene s{Tensor({DType::f32, {1, side * side, 3}}), {}, {.height = height, .width = width}};
  const Tensor random = random_tensor({side * side, 2}, 5, -jitter, jitter);
  std::vector<std::int32_t> index;
  for (int i = 0; i < side; ++i) {
    for (int j = 0; j < side; ++j) {
      const auto at = static_cast<std::size_t>(i * side + j);
      const bool inner = i > 0 && j > 0 && i < cells && j < cells;
      const double du = inner ? random.as<double>()[2 * at] : 0, dv = inner ? random.as<double>()[2 * at + 1] : 0;
      const auto point = shape((j + du) / cells, (i + dv) / cells);
      for (std::size_t k = 0; k < 3; ++k) s.vertices.mutable_as<float>()[3 * at + k] = static_cast<float>(point[k]);
      if (i == cells || j == cells) continue;
      const int a = i * side + j, b = a + 1, c = a + side, d = c + 1;
      for (const int v : {a, b, d, a, d, c}) index.push_back(v);
    }
  }
  s.triangles = triangle_list(index);
  return s;
}

/// A scene in a graph.
struct Drawn {
  Graph graph;
  Value vertices;
  Mesh mesh;
  Raster raster;
  Value weights;

  explicit Drawn(const Scene& s, DType dtype = DType::f32) {
    vertices = graph.input({dtype, s.vertices.shape()}, "vertices");
    const Tensor& t = s.triangles;
    bool good = true;
    for (const std::int32_t v : t.as<std::int32_t>()) good = good && v >= 0 && v < s.vertices.shape()[1];
    const Tensor none({DType::i32, {0, 3}});
    const MeshTopology topology = mesh_topology(good ? t : none, s.vertices.shape()[1]);
    mesh = mesh_constants(graph, topology);
    mesh.triangles = graph.constant(t);
    raster = rasterize(vertices, mesh.triangles, s.attrs);
    if (good) weights = barycentrics(vertices, mesh, raster);
  }
  std::vector<Tensor> run(const Tensor& at, const std::vector<Value>& outputs, const Device& device,
                          int threads = 0) const {
    Executor executor(plan(graph, outputs, {.device = device, .precision = Precision::strict, .threads = threads}));
    executor.set(vertices, at);
    executor.run({.check_finite = false, .poison = true});
    std::vector<Tensor> results;
    for (const Value& v : outputs) results.push_back(executor.get(v));
    return results;
  }
};

inline std::vector<Device> devices() {
  std::vector<Device> all{Device::reference(), Device::cpu()};
  if (Device::cuda_count() > 0) all.push_back(Device::cuda());
  return all;
}

inline std::vector<std::int32_t> ids_of(const Scene& s, const Device& device = Device::reference(), int threads = 0) {
  const Drawn drawn(s);
  const Tensor ids = drawn.run(s.vertices, {drawn.raster.ids}, device, threads)[0].to(DType::i32);
  return {ids.as<std::int32_t>().begin(), ids.as<std::int32_t>().end()};
}

/// How far `gradient`, said to be that of the number `value` with respect to the vertices, is from central differences
/// in double, relative to the largest of them.
inline double gradient_error(const Drawn& drawn, const Tensor& at, Value value, Value gradient, double step = 0x1p-16) {
  Executor numeric(plan(drawn.graph, {value}, {.device = Device::reference()}));
  const auto value_at = [&](const Tensor& v) {
    numeric.set(drawn.vertices, v);
    numeric.run();
    return numeric.get(value).item();
  };
  const Tensor said = drawn.run(at, {gradient}, Device::reference())[0];
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(at.numel()); ++i) {
    Tensor moved = at.clone();
    moved.mutable_as<double>()[i] += step;
    const double above = value_at(moved);
    moved.mutable_as<double>()[i] -= 2 * step;
    const double difference = (above - value_at(moved)) / (2 * step);
    worst = std::max(worst, std::fabs(difference - said.as<double>()[i]));
    largest = std::max(largest, std::fabs(difference));
  }
  return worst / largest;
}

}  // namespace g2face::testing
