#include "g2face/ops/reduce.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("reduce: sums over every choice of axes") {
  const OpCheck c(reduce_op);
  for (const bool keep : {false, true}) {
    for (const Shape& x : {Shape{2, 3, 4, 5}, {2, 16, 3, 5}, {1, 33, 1, 7}}) {
      for (unsigned chosen = 0; chosen < 16; ++chosen) {
        ReduceAttrs attrs{.axes = {}, .keep_dims = keep};
        for (int axis = 0; axis < 4; ++axis)
          if ((chosen >> axis & 1u) != 0) attrs.axes.push_back(axis);
        c.ok({x}, attrs);
      }
    }
    c.ok({{}}, ReduceAttrs{.axes = {}, .keep_dims = keep});
    for (const std::int64_t n : {1, 31, 32, 33, 257}) {
      c.ok({{n}}, ReduceAttrs{.axes = {0}, .keep_dims = keep});
      c.ok({{n, 3}}, ReduceAttrs{.axes = {0}, .keep_dims = keep});
      c.ok({{3, n}}, ReduceAttrs{.axes = {1}, .keep_dims = keep});
    }
  }
}

TEST_CASE("reduce: values") {
  const OpCheck c(reduce_op);
  const Tensor x = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  c.gives({x}, ReduceAttrs{.axes = {0}}, Tensor::from({3}, {5, 7, 9}));
  c.gives({x}, ReduceAttrs{.axes = {1}, .keep_dims = true}, Tensor::from({2, 1}, {6, 15}));
  c.gives(
      {x}, [](const std::vector<Value>& v) { return sum(v[0]); }, Tensor::from({}, {21}));
  c.gives(
      {x}, [](const std::vector<Value>& v) { return mean(v[0]); }, Tensor::from({}, {3.5}));
  c.gives(
      {x}, [](const std::vector<Value>& v) { return mean(v[0], {.axes = {1}}); }, Tensor::from({2}, {2, 5}));
  c.gives({Tensor::from({0, 2}, {})}, ReduceAttrs{.axes = {0}}, Tensor::from({2}, {0, 0}));
}

TEST_CASE("reduce: sum_to undoes broadcasting") {
  const OpCheck c(reduce_op);
  const Tensor x = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto to = [](const Shape& shape) {
    return [shape](const std::vector<Value>& v) { return sum_to(v[0], shape); };
  };
  c.gives({x}, to({3}), Tensor::from({3}, {5, 7, 9}));
  c.gives({x}, to({2, 1}), Tensor::from({2, 1}, {6, 15}));
  c.gives({x}, to({1, 1}), Tensor::from({1, 1}, {21}));
  c.gives({x}, to({}), Tensor::from({}, {21}));
  c.gives({x.reshape({1, 2, 3})}, to({2, 3}), x);
  c.ok({{2, 3, 4, 5}}, to({3, 1, 5}));
  c.ok({{4, 1, 5}}, to({1, 1}));
  Graph g;
  const Value v = g.input({DType::f32, {2, 3}}, "x");
  CHECK(sum_to(v, {2, 3}) == v);
  CHECK_THROWS_WITH_AS(sum_to(v, {2}), "sum_to: [2] does not broadcast to x [2,3]", ShapeError);
}

TEST_CASE("reduce: rules") {
  const OpCheck c(reduce_op);
  c.fails("R1", {{{2, 3}, {}, DType::i64}}, ReduceAttrs{.axes = {0}}, "x i64[2,3] must have a floating dtype");
  for (const std::vector<int>& axes : std::vector<std::vector<int>>{{2}, {-1}, {1, 0}, {0, 0}})
    c.fails("R2", {{2, 3}}, ReduceAttrs{.axes = axes}, "must ascend and lie inside x [2,3]");
}
