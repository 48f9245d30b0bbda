#include "g2face/ops/softmax_cross_entropy.hpp"

#include <doctest/doctest.h>

#include "g2face/graph/gradients.hpp"
#include "g2face/plan/executor.hpp"
#include "op_check.hpp"

using namespace g2face;

TEST_CASE("softmax_cross_entropy") {
  OpCheck c(softmax_cross_entropy_op);
  c.ok({{4, 5}, {Shape{4}, {0, 5}, DType::i32}});
  c.ok({{Shape{7, 33}, {-9, 9}}, {Shape{7}, {0, 33}, DType::i32}});
  c.fails("R1", {{4}, {Shape{4}, {0, 5}, DType::i32}}, "x f32[4] must be f32 or f64 of rank 2");
  c.fails("R2", {{4, 5}, {4}}, "labels f32[4] must be i32[4]");
  c.fails("R2", {{4, 5}, {Shape{5}, {0, 5}, DType::i32}}, "labels i32[5] must be i32[4]");
}

TEST_CASE("softmax_cross_entropy gives what PyTorch does") {
  // F.cross_entropy(x, [2, 0], reduction='none') and the gradient of its sum, PyTorch 1.13.
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x"), labels = g.input({DType::i32, {2}}, "labels");
  const Value y = softmax_cross_entropy(x, labels);
  const Value dx = gradients(y, {x}, g.constant(Tensor::from({2}, {1, 1})))[0];
  Executor run(plan(g, {y, dx}));
  run.set(x, Tensor::from({2, 3}, {1, 2, 0.5F, -1, 30, 30}));
  run.set(labels, Tensor::from({2}, {2, 0}).to(DType::i32));
  run.run();
  CHECK(relative_error(run.get(y), Tensor::from({2}, {1.964368784F, 31.693147181F})) < 1e-6);
  CHECK(relative_error(run.get(dx), Tensor::from({2, 3}, {0.231223898F, 0.628531719F, -0.859755617F, -1, 0.5F, 0.5F})) <
        1e-6);
}

TEST_CASE("one_hot") {
  Graph g;
  const Value labels = g.input({DType::i32, {4}}, "labels"), y = one_hot(labels, 3);
  Executor run(plan(g, {y}));
  run.set(labels, Tensor::from({4}, {2, 0, 3, -1}).to(DType::i32));
  run.run();
  CHECK(run.get(y).str() == "[[0,0,1],[1,0,0],[0,0,0],[0,0,0]]");
  CHECK_THROWS_WITH_AS(one_hot(labels, 0), "one_hot: 0 classes are none or above 2^24", ShapeError);
  CHECK_THROWS_WITH_AS(one_hot(y, 3), "one_hot: labels f32[4,3] must be i32 of rank 1", ShapeError);
}
