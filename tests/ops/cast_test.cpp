#include "g2face/ops/cast.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/unary.hpp"
#include "g2face/plan/executor.hpp"
#include "op_check.hpp"

using namespace g2face;

TEST_CASE("cast: between floating dtypes that hold the values, gradients are cast back") {
  // Central differences see no rounding on the way f64 -> f32 -> f64, which the reference device does in double.
  const OpCheck c(cast_op, [](const std::vector<Value>& v) {
    return cast(sin(cast(v[0], v[0].dtype() == DType::f32 ? DType::f64 : DType::f32)), v[0].dtype());
  });
  for (const Shape& x : {Shape{}, {1}, {31}, {32}, {33}, {257}, {2, 16, 3, 5}}) c.ok({x});
}

TEST_CASE("cast: 16-bit floats round to nearest even, on every device") {
  const OpCheck c(cast_op);
  const Tensor x = Tensor::from({5}, {1, 1.00390625f, 1.01171875f, -3.14159f, 70000});
  for (const DType dtype : {DType::bf16, DType::f16}) {
    c.gives({x}, CastAttrs{dtype}, x.to(dtype));
    c.gives({x.to(dtype)}, CastAttrs{DType::f32}, x.to(dtype).to(DType::f32));
  }
}

TEST_CASE("cast: floats to integers truncate and saturate") {
  const OpCheck c(cast_op);
  const Tensor x = Tensor::from({5}, {-1.9f, -0.5f, 0.5f, 2.9f, 300});
  c.gives({x}, CastAttrs{DType::i64}, Tensor::from({5}, {-1, 0, 0, 2, 300}).to(DType::i64));
  c.gives({x}, CastAttrs{DType::i32}, Tensor::from({5}, {-1, 0, 0, 2, 300}).to(DType::i32));
  c.gives({x}, CastAttrs{DType::u8}, Tensor::from({5}, {0, 0, 0, 2, 255}).to(DType::u8));
  c.gives({x.to(DType::i64)}, CastAttrs{DType::f32}, Tensor::from({5}, {-1, 0, 0, 2, 300}));
}

TEST_CASE("cast: to its own dtype it is nothing, and through integers no gradient passes") {
  Graph g;
  const Value x = g.input({DType::f32, {2}}, "x");
  CHECK(cast(x, DType::f32) == x);
  const Value dx = gradients(sum(cast(cast(x, DType::i32), DType::f32)), {x})[0];
  Executor run(plan(g, {dx}, {.device = Device::reference()}));
  run.set(x, Tensor::from({2}, {1.5, 2.5}));
  run.run();
  CHECK(relative_error(run.get(dx), Tensor::from({2}, {0, 0})) == 0);
}
