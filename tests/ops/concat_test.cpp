#include "g2face/ops/concat.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("concat: forward and gradients") {
  const OpCheck c(concat_op);
  c.ok({{3}}, ConcatAttrs{0});
  c.ok({{1}, {31}, {33}}, ConcatAttrs{0});
  c.ok({{2, 3}, {4, 3}}, ConcatAttrs{0});
  c.ok({{2, 3}, {2, 1}, {2, 32}}, ConcatAttrs{1});
  c.ok({{2, 16, 3, 5}, {2, 16, 3, 5}}, ConcatAttrs{1});
  c.ok({{2, 16, 3, 5}, {2, 3, 3, 5}, {2, 1, 3, 5}}, ConcatAttrs{1});
  c.ok({{1, 2, 3, 4}, {1, 2, 1, 4}}, ConcatAttrs{2});
  c.ok({{1, 2, 3, 4}, {1, 2, 3, 3}}, ConcatAttrs{3});
  c.ok({{2, 0}, {2, 3}}, ConcatAttrs{1});
  c.ok({{2, 3}}, [](const std::vector<Value>& v) { return concat({v[0], v[0]}, 1); });
}

TEST_CASE("concat: values of any dtype") {
  const OpCheck c(concat_op, ConcatAttrs{1});
  const Tensor a = Tensor::from({2, 1}, {1, 2}), b = Tensor::from({2, 2}, {3, 4, 5, 6});
  const Tensor want = Tensor::from({2, 3}, {1, 3, 4, 2, 5, 6});
  c.gives({a, b}, want);
  c.gives({a.to(DType::i64), b.to(DType::i64)}, want.to(DType::i64));
}

TEST_CASE("concat: rules") {
  const OpCheck c(concat_op);
  CHECK_THROWS_WITH_AS(concat({}, 1), "concat: there is nothing to join (R1)", ShapeError);
  CHECK_THROWS_WITH_AS(concat_op.infer(ConcatAttrs{1}, {}), "there is nothing to join (R1)", ShapeError);
  c.fails("R2", {{2, 3}}, ConcatAttrs{2}, "axis 2 is none of x0 [2,3]");
  c.fails("R2", {{2, 3}}, ConcatAttrs{-1}, "axis -1 is none of x0 [2,3]");
  c.fails("R3", {{2, 3}, {2, 3}, {3, 3}}, ConcatAttrs{1}, "x2 f32[3,3] does not match x0 f32[2,3] outside axis 1");
  c.fails("R3", {{2, 3}, {2, 3, 1}}, ConcatAttrs{1}, "x1 f32[2,3,1] does not match x0 f32[2,3]");
  c.fails("R3", {{2, 3}, {{2, 3}, {}, DType::f64}}, ConcatAttrs{1}, "x1 f64[2,3] does not match x0 f32[2,3]");
}
