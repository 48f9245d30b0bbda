#include "face/visibility.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "g2face/graph/graph.hpp"
#include "g2face/ops/rasterize.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face::face {

namespace {

struct Rasterizer {
  Graph graph;
  Value vertices, triangles, ids;
  std::unique_ptr<Executor> executor;

  Rasterizer(std::int64_t v, std::int64_t t, std::int64_t size)
      : vertices(graph.input({DType::f32, {1, v, 3}}, "vertices")),
        triangles(graph.input({DType::i32, {t, 3}}, "triangles")),
        ids(rasterize(vertices, triangles, {.height = size, .width = size}).ids),
        executor(std::make_unique<Executor>(plan(graph, {ids}, {.threads = 1}))) {}
};

}  // namespace

struct Visibility::State {
  std::int64_t vertices, triangles;
  std::mutex mutex;
  std::map<std::int64_t, std::vector<std::unique_ptr<Rasterizer>>> idle;  // by the picture's size

  std::unique_ptr<Rasterizer> take(std::int64_t size) {
    {
      const std::lock_guard lock(mutex);
      auto& free = idle[size];
      if (!free.empty()) {
        auto one = std::move(free.back());
        free.pop_back();
        return one;
      }
    }
    return std::make_unique<Rasterizer>(vertices, triangles, size);
  }
  void give_back(std::int64_t size, std::unique_ptr<Rasterizer> one) {
    const std::lock_guard lock(mutex);
    idle[size].push_back(std::move(one));
  }
};

Visibility::Visibility(std::int64_t vertices, std::int64_t triangles) : state_(std::make_unique<State>()) {
  state_->vertices = vertices;
  state_->triangles = triangles;
}
Visibility::~Visibility() = default;

std::vector<std::int32_t> Visibility::nearest(const std::vector<Vec3>& screen, const Triangles& triangles,
                                              std::int64_t size) const {
  // What a smaller mesh leaves free lies behind the camera, and has no area: it is not drawn.
  Tensor vertices = Tensor::zeros({DType::f32, {1, state_->vertices, 3}}),
         corners = Tensor::zeros({DType::i32, {state_->triangles, 3}});
  float* v = vertices.mutable_as<float>().data();
  for (const Vec3& p : screen) {
    *v++ = static_cast<float>(p.x);
    *v++ = static_cast<float>(p.y);
    *v++ = static_cast<float>(p.z);
  }
  std::int32_t* t = corners.mutable_as<std::int32_t>().data();
  for (const auto& triangle : triangles) t = std::copy(triangle.begin(), triangle.end(), t);
  std::unique_ptr<Rasterizer> r = state_->take(size);
  r->executor->set(r->vertices, vertices);
  r->executor->set(r->triangles, corners);
  r->executor->run();
  const Tensor ids = r->executor->get(r->ids);
  state_->give_back(size, std::move(r));
  const auto seen = ids.as<std::int32_t>();
  return {seen.begin(), seen.end()};
}

Corners corners_at(const std::vector<Vec3>& screen, const std::array<std::int32_t, 3>& triangle, double x, double y) {
  Corners r;
  for (std::size_t k = 0; k < 3; ++k) r.vertex[k] = static_cast<std::size_t>(triangle[k]);
  const Vec3 &a = screen[r.vertex[0]], &b = screen[r.vertex[1]], &c = screen[r.vertex[2]];
  const std::array<double, 3> area = {(b.x - x) * (c.y - y) - (b.y - y) * (c.x - x),
                                      (c.x - x) * (a.y - y) - (c.y - y) * (a.x - x),
                                      (a.x - x) * (b.y - y) - (a.y - y) * (b.x - x)};
  const double sum = area[0] + area[1] + area[2], sign = sum < 0 ? -1 : 1;
  r.back = sum > 0;  // y is down
  r.weight = {std::max(0.0, sign * area[0]) / a.z, std::max(0.0, sign * area[1]) / b.z,
              std::max(0.0, sign * area[2]) / c.z};
  const double total = r.weight[0] + r.weight[1] + r.weight[2];
  if (total > 0) {
    r.nearness = total / std::max(sign * sum, total * std::min({a.z, b.z, c.z}));
    for (double& w : r.weight) w *= 1 / total;
  } else {
    r.nearness = 1 / a.z;
    r.weight = {1, 0, 0};
  }
  return r;
}

}  // namespace g2face::face
