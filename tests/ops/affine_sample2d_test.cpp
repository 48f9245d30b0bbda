#include "g2face/ops/affine_sample2d.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "evaluate.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reduce.hpp"
#include "op_check.hpp"
#include "render_scene.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

struct Maps {
  std::vector<float> of;  // 6 for each sample

  /// Maps that move with an input [N,2,3], but so little that no sample comes to another pixel.
  Value near(Value input) const {
    const Shape shape = {static_cast<std::int64_t>(of.size() / 6), 2, 3};
    return input.graph->constant(Tensor::from(shape, of).to(input.dtype())) + 1e-3 * input;
  }
};

// Turned and enlarged; mirrored, smaller and moved partly out of the image.
const Maps two = {{0.83f, -0.61f, 0.27f, 0.57f, 0.79f, -0.16f, -1.71f, 0.1f, 1.19f, 0.23f, 1.37f, -2.31f}};

}  // namespace

TEST_CASE("affine_sample2d: forward and gradients, to images and to maps") {
  for (const bool slope_x : {false, true}) {
    for (const bool slope_y : {false, true}) {
      const auto with = [=](auto op, std::int64_t height, std::int64_t width) {
        return [=](const std::vector<Value>& in) {
          return op(in[0], two.near(in[1]), AffineSample2dAttrs{height, width, slope_x, slope_y});
        };
      };
      OpCheck(affine_sample2d_op, with(affine_sample2d, 4, 7)).ok({{2, 5, 6, 5}, {2, 2, 3}});
      OpCheck(affine_sample2d_grad_op, with(affine_sample2d_grad, 6, 5)).ok({{2, 5, 4, 7}, {2, 2, 3}});
    }
  }
}

TEST_CASE("affine_sample2d: sizes and maps at which positions are simple") {
  const OpCheck c(affine_sample2d_op);
  const Tensor x = Tensor::from({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor identity = Tensor::from({1, 2, 3}, {1, 0, 0, 0, 1, 0});
  c.gives({x, identity}, AffineSample2dAttrs{2, 3}, x);
  // A larger result has the same centre; zeros lie around.
  c.gives({x, identity}, AffineSample2dAttrs{4, 5},
          Tensor::from({1, 1, 4, 5}, {0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0}));
  // Half a pixel to the right: beyond the last one the image goes down to zero.
  c.gives({x, Tensor::from({1, 2, 3}, {1, 0, 0.5, 0, 1, 0})}, AffineSample2dAttrs{2, 3},
          Tensor::from({1, 1, 2, 3}, {1.5, 2.5, 1.5, 4.5, 5.5, 3}));
  // A quarter turn: y(j, i) = x(column i, row -j).
  c.gives({x, Tensor::from({1, 2, 3}, {0, 1, 0, -1, 0, 0})}, AffineSample2dAttrs{3, 2},
          Tensor::from({1, 1, 3, 2}, {4, 1, 5, 2, 6, 3}));
  // All read one place.
  c.gives({x, Tensor::from({1, 2, 3}, {0, 0, 0.25, 0, 0, -0.5})}, AffineSample2dAttrs{1, 2},
          Tensor::from({1, 1, 1, 2}, {2.25, 2.25}));
  constexpr float inf = std::numeric_limits<float>::infinity();
  c.gives({x, Tensor::from({1, 2, 3}, {1, 0, std::nanf(""), 0, 1, inf})}, AffineSample2dAttrs{1, 2},
          Tensor::zeros({DType::f32, {1, 1, 1, 2}}));
}

TEST_CASE("affine_sample2d_grad: maps that have no inverse, or nearly none, lose no reader") {
  // Along a line; all at one place; nearly along a line; far too large; of no size.
  const std::vector<float> maps = {0.7f, 0.3f,  0.1f, 0.7f, 0.3f, 0.1f,  0,          0,    0.25f, 0,
                                   0,    -0.5f, 1,    1,    0.2f, 1,     1.0000001f, 0.3f, 1e9f,  0,
                                   0.1f, 0,     1e9f, 0.2f, 0,    1e-9f, 0.3f,       0,    0,     1e30f};
  const Tensor map = Tensor::from({5, 2, 3}, maps);
  for (const Device& device : devices()) {
    Graph g;
    const Value dy = g.input({DType::f32, {5, 3, 6, 7}}, "dy"), m = g.constant(map),
                x = g.input({DType::f32, {5, 3, 4, 5}}, "x");
    const Value there = sum(dy * affine_sample2d(x, m, {6, 7})), back = sum(x * affine_sample2d_grad(dy, m, {4, 5}));
    Executor run(plan(g, {there, back}, {.device = device}));
    run.set(dy, random_tensor(dy.shape(), 1, 0, 1).to(DType::f32));
    run.set(x, random_tensor(x.shape(), 2, 0, 1).to(DType::f32));
    run.run();
    CHECK(run.get(there).item() > 1);
    CHECK(run.get(back).item() == doctest::Approx(run.get(there).item()).epsilon(1e-6));
  }
}

TEST_CASE("affine_sample2d: rules") {
  for (const OpDef* op : {&affine_sample2d_op, &affine_sample2d_grad_op}) {
    const OpCheck c(*op, AffineSample2dAttrs{2, 3});
    c.fails("R1", {{2, 3, 4}, {2, 2, 3}}, "images f32[2,3,4] must have rank 4");
    c.fails("R2", {{2, 3, 4, 4}, {1, 2, 3}}, "map f32[1,2,3] must be f32[2,2,3]");
    c.fails("R2", {{2, 3, 4, 4}, {{2, 2, 3}, {}, DType::f64}}, "map f64[2,2,3] must be f32[2,2,3]");
    c.fails("R3", {{2, 3, 4, 4}, {2, 2, 3}}, AffineSample2dAttrs{0, 3}, "the result of 0x3 pixels must have one");
  }
}
