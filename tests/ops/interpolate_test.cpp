#include "g2face/ops/interpolate.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"
#include "render_scene.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

/// A few triangles with common corners, as constants of a graph.
struct Fixed {
  Mesh mesh;
  Raster raster;
};

Fixed fixed(Graph& g, std::int64_t samples) {
  Tensor vertices({DType::f32, {samples, 6, 3}});
  const float points[] = {0, 0, 1, 6, 1, 2, 5, 6, 1, 1, 5, 3, 3, 3, 2, 7, 4, 1};
  for (std::size_t i = 0; i < static_cast<std::size_t>(samples * 18); ++i)
    vertices.mutable_as<float>()[i] = points[i % 18] + 0.25f * static_cast<float>(i / 18);
  const Mesh mesh = mesh_constants(g, mesh_topology(triangle_list({0, 1, 4, 4, 1, 2, 4, 2, 3, 3, 0, 4, 1, 5, 2}), 6));
  return {mesh, rasterize(g.constant(vertices), mesh.triangles, {.height = 6, .width = 7})};
}

}  // namespace

TEST_CASE("interpolate: every op of the room, forward and gradients") {
  for (const std::int64_t n : {1, 3}) {
    const auto with = [n](auto op) {
      return [n, op](const std::vector<Value>& in) {
        const Fixed f = fixed(*in[0].graph, n);
        return op(in[0], in[1], f.mesh, f.raster);
      };
    };
    const CheckInput weights{n, 3, 6, 7}, dy{n, 2, 6, 7};
    OpCheck(interpolate_op, with(interpolate)).ok({{n, 6, 2}, weights});
    OpCheck(interpolate_attributes_grad_op, with(interpolate_attributes_grad)).ok({dy, weights});
    OpCheck(interpolate_weights_grad_op, with(interpolate_weights_grad)).ok({dy, {n, 6, 2}});
    OpCheck(interpolate_op, with(interpolate)).ok({{1, 6, 5}, weights});  // the same attributes for all samples
    OpCheck(interpolate_weights_grad_op, with(interpolate_weights_grad)).ok({dy, {1, 6, 2}});
  }
}

TEST_CASE("interpolate: values at corners, and zeros where nothing is") {
  // Weights are given: the whole of corner 1 of triangle 1, which is vertex 2.
  Graph g;
  const Mesh mesh = mesh_constants(g, mesh_topology(triangle_list({0, 1, 2, 3, 2, 1}), 4));
  Tensor ids({DType::i32, {1, 1, 3}});
  const std::int32_t all[] = {1, -1, 99};
  std::copy(std::begin(all), std::end(all), ids.mutable_as<std::int32_t>().begin());
  const Raster raster{g.constant(ids), g.constant(Tensor::zeros({DType::i32, {1, 2, 4}}))};
  const Value y = interpolate(g.constant(Tensor::from({1, 4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})),
                              g.constant(Tensor::from({1, 3, 1, 3}, {0, 1, 1, 1, 1, 1, 0, 1, 1})), mesh, raster);
  for (const Device& device : devices()) {
    Executor run(plan(g, {y}, {.device = device}));
    run.run();
    CHECK(relative_error(run.get(y).to(DType::f32), Tensor::from({1, 2, 1, 3}, {5, 0, 0, 6, 0, 0})) == 0);
  }
}

TEST_CASE("interpolate: rules") {
  const CheckInput faces{{2, 3}, {}, DType::i32}, corners{{12}, {}, DType::i32}, ids{{1, 4, 4}, {}, DType::i32},
      boxes{{1, 2, 4}, {}, DType::i32};
  const OpCheck c(interpolate_op);
  c.fails("R1", {{2, 5, 3}, {1, 3, 4, 4}, faces, corners, ids, boxes}, "attributes f32[2,5,3] must be f32[1,V,C]");
  c.fails("R2", {{1, 5, 3}, {1, 4, 4}, faces, corners, ids, boxes}, "weights f32[1,4,4] must be [N,3,H,W]");
  c.fails("R3", {{1, 5, 3}, {1, 3, 4, 4}, faces, {{13}, {}, DType::i32}, ids, boxes},
          "corners i32[13] must be i32[12]");
  const OpCheck a(interpolate_attributes_grad_op), w(interpolate_weights_grad_op);
  a.fails("R1", {{1, 2, 4, 5}, {1, 3, 4, 4}, faces, corners, ids, boxes}, "dy f32[1,2,4,5] must be f32[N,C,H,W]");
  a.fails("R3", {{1, 2, 4, 4}, {1, 3, 4, 4}, faces, {{3}, {}, DType::i32}, ids, boxes}, "too few");
  w.fails("R1", {{1, 2, 4, 4}, {1, 5, 3}, faces, corners, ids, boxes}, "must have the channels of attributes [1,5,3]");
}
