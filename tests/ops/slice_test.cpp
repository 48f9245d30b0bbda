#include "g2face/ops/slice.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("slice: forward and gradients") {
  const OpCheck c(slice_op);
  c.ok({{}}, SliceAttrs{{}, {}});
  c.ok({{257}}, SliceAttrs{{224}, {33}});
  c.ok({{33}}, SliceAttrs{{1}, {31}});
  c.ok({{4, 5}}, SliceAttrs{{0, 0}, {4, 5}});
  c.ok({{4, 5}}, SliceAttrs{{3, 4}, {1, 1}});
  c.ok({{2, 32, 3, 5}}, SliceAttrs{{0, 16, 0, 0}, {2, 16, 3, 5}});
  c.ok({{2, 16, 5, 7}}, SliceAttrs{{1, 3, 1, 2}, {1, 9, 3, 4}});
  c.ok({{4, 5}}, SliceAttrs{{4, 0}, {0, 5}});
}

TEST_CASE("slice: values of any dtype") {
  const OpCheck c(slice_op, SliceAttrs{{0, 1}, {2, 2}});
  const Tensor x = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor want = Tensor::from({2, 2}, {2, 3, 5, 6});
  c.gives({x}, want);
  c.gives({x.to(DType::i32)}, want.to(DType::i32));
  c.gives(
      {x}, [](const std::vector<Value>& v) { return slice_axis(v[0], 1, 1, 2); }, want);
  c.gives(
      {x}, [](const std::vector<Value>& v) { return slice_axis(v[0], -1, 1, 2); }, want);
}

TEST_CASE("slice: rules") {
  const OpCheck c(slice_op);
  c.fails("R1", {{2, 3}}, SliceAttrs{{0}, {1, 1}}, "begin [0] and size [1,1] need one entry for each axis of x [2,3]");
  c.fails("R1", {{2, 3}}, SliceAttrs{{0, 0}, {1}}, "need one entry for each axis of x [2,3]");
  c.fails("R2", {{2, 3}}, SliceAttrs{{0, 2}, {1, 2}}, "begin [0,2] and size [1,2] leave x [2,3] at axis 1");
  c.fails("R2", {{2, 3}}, SliceAttrs{{-1, 0}, {1, 1}}, "leave x [2,3] at axis 0");
  c.fails("R2", {{2, 3}}, SliceAttrs{{0, 0}, {1, -1}}, "leave x [2,3] at axis 1");
  c.fails("R2", {{2, 3}}, SliceAttrs{{3, 0}, {0, 1}}, "leave x [2,3] at axis 0");
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x");
  CHECK_THROWS_WITH_AS(slice_axis(x, 2, 0, 1), "slice_axis: x [2,3] has no axis 2", ShapeError);
}
