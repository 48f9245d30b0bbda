#include "g2face/graph/gradients.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "g2face/graph/op.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"

using namespace g2face;

namespace {

double evaluate(Graph& g, Value y, Value x, const Tensor& at) {
  Executor run(plan(g, {y}, {.device = Device::reference()}));
  run.set(x, at);
  run.run();
  return run.get(y).item();
}

}  // namespace

TEST_CASE("the gradient of a sum of squares, twice") {
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x");
  const Value y = sum(square(x));
  const Value dx = gradients(y, {x})[0];
  const Value ddx = gradients(sum(dx), {x})[0];
  Executor run(plan(g, {y, dx, ddx}, {.device = Device::reference()}));
  run.set(x, Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6}));
  run.run();
  CHECK(run.get(y).item() == 91);
  CHECK(run.get(dx).as<double>()[5] == 12);
  CHECK(run.get(ddx).as<double>()[3] == 2);
}

TEST_CASE("the gradient penalty: a gradient of a gradient through convolutions agrees with central differences") {
  // The shape of R1: a penalty on the gradient of a small network's output for its input, differentiated for a weight.
  Graph g;
  const Value x = g.input({DType::f64, {2, 3, 6, 5}}, "x");
  const Value w = g.input({DType::f64, {4, 3, 3, 3}}, "w");
  const Value v = g.constant([] {
    Tensor t({DType::f64, {2, 4, 2, 1}});
    for (std::size_t i = 0; i < 16; ++i) t.mutable_as<double>()[i] = std::sin(static_cast<double>(i) + 1);
    return t;
  }());
  const Value d = sum(softplus(conv2d(x, w, {.stride = {2, 2}})) * v);
  const Value gx = gradients(d, {x})[0];
  const Value penalty = sum(square(gx));
  const Value gw = gradients(penalty, {w})[0];

  Tensor xt({DType::f64, x.shape()}), wt({DType::f64, w.shape()});
  for (std::int64_t i = 0; i < xt.numel(); ++i)
    xt.mutable_as<double>()[static_cast<std::size_t>(i)] = std::cos(0.7 * static_cast<double>(i));
  for (std::int64_t i = 0; i < wt.numel(); ++i)
    wt.mutable_as<double>()[static_cast<std::size_t>(i)] = std::sin(1.3 * static_cast<double>(i));

  Executor run(plan(g, {penalty, gw}, {.device = Device::reference()}));
  run.set(x, xt);
  const auto penalty_at = [&](const Tensor& weights) {
    run.set(w, weights);
    run.run();
    return run.get(penalty).item();
  };
  penalty_at(wt);
  const Tensor analytic = run.get(gw);
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(wt.numel()); i += 7) {
    const double h = 1e-5;
    Tensor up = wt.clone(), down = wt.clone();
    up.mutable_as<double>()[i] += h;
    down.mutable_as<double>()[i] -= h;
    const double numeric = (penalty_at(up) - penalty_at(down)) / (2 * h);
    worst = std::max(worst, std::abs(numeric - analytic.as<double>()[i]));
    scale = std::max(scale, std::abs(numeric));
  }
  CHECK(scale > 0.1);
  CHECK(worst / scale < 1e-7);
}

TEST_CASE("a value that y does not depend on has gradient zero") {
  Graph g;
  const Value x = g.input({DType::f32, {3}}, "x"), z = g.input({DType::f32, {2}}, "z");
  const Value dz = gradients(sum(x), {z})[0];
  CHECK(dz.type() == z.type());
  CHECK(evaluate(g, sum(dz) + sum(x), x, Tensor::from({3}, {1, 2, 3})) == 6);
}

TEST_CASE("the gradient for a value on the way is the whole gradient") {
  Graph g;
  const Value x = g.input({DType::f32, {1}}, "x");
  const Value h = x * x;
  const Value y = sum(h * h);
  const auto d = gradients(y, {x, h});
  CHECK(evaluate(g, d[0], x, Tensor::from({1}, {3})) == 4 * 27);
  CHECK(evaluate(g, d[1], x, Tensor::from({1}, {3})) == 18);
}

TEST_CASE("a fused op is differentiated through its formula, inputs that depend on each other included") {
  Graph g;
  const Value x = g.input({DType::f32, {1, 2}}, "x");
  const Value b = reshape(x * 3.0, {2});
  const Value y = sum(bias_act(x, b, {.slope = 0.5, .gain = 2}));  // 2 * (x + 3x), x > 0
  CHECK(evaluate(g, sum(gradients(y, {x})[0]), x, Tensor::from({1, 2}, {1, 2})) == 16);
}

TEST_CASE("an input given twice to a fused op receives its gradient once for each place") {
  Graph g;
  const Value x = g.input({DType::f32, {2, 2}}, "x");
  const Value y = sum(matmul(x, x));
  CHECK(evaluate(g, sum(gradients(y, {x})[0]), x, Tensor::from({2, 2}, {1, 2, 3, 4})) == 40);
}

TEST_CASE("errors name the op and say what is wrong") {
  Graph g;
  const Value x = g.input({DType::f32, {2}}, "x");
  CHECK_THROWS_WITH_AS(gradients(x, {x}), doctest::Contains("needs a cotangent"), GraphError);
  g.path = "net/layer";
  CHECK_THROWS_WITH_AS(x + g.input({DType::f32, {3}}, "y"), doctest::Contains("binary 'net/layer'"), ShapeError);
  CHECK_THROWS_WITH_AS(g.input({DType::f32, {3}}, "x"), doctest::Contains("'x' already exists"), GraphError);
  CHECK_THROWS_WITH_AS(gradients(sum(upfirdn2d(reshape(x, {1, 1, 1, 2}), reshape(x, {1, 2}), {.pad_x0 = 1})), {x}),
                       doctest::Contains("upfirdn2d"), GraphError);
}
