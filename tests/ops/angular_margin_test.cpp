#include "g2face/ops/angular_margin.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/softmax_cross_entropy.hpp"
#include "g2face/plan/executor.hpp"
#include "op_check.hpp"

using namespace g2face;

namespace {

const AngularMarginAttrs mild{.margin = 0.5, .scale = 2};

/// One cosine with the margin.
double margin_of(double cosine, const AngularMarginAttrs& attrs) {
  Graph g;
  const Value x = g.constant(Tensor::full({DType::f32, {1, 1}}, cosine));
  const Value y = angular_margin(x, g.constant(Tensor::zeros({DType::i32, {1}})), attrs);
  Executor run(plan(g, {y}, {.device = Device::reference()}));
  run.run();
  return run.get(y).item();
}

}  // namespace

TEST_CASE("angular_margin") {
  OpCheck c(angular_margin_op, mild);
  const CheckInput labels{Shape{4}, {0, 5}, DType::i32};
  c.ok({{Shape{4, 5}, {-0.8, 0.95}}, labels});
  c.ok({{Shape{4, 5}, {-0.99, -0.89}}, labels});  // beyond pi
  c.ok({{Shape{3, 33}, {-0.9, 0.9}}, {Shape{3}, {0, 33}, DType::i32}}, AngularMarginAttrs{.margin = 0, .scale = 1});
  c.fails("R1", {{4}, labels}, "x f32[4] must be f32 or f64 of rank 2");
  c.fails("R2", {{5, 5}, labels}, "labels i32[4] must be i32[5]");
  c.fails("R3", {{4, 5}, labels}, AngularMarginAttrs{.margin = 2}, "margin 2 must lie in 0 .. pi/2");
  c.fails("R3", {{4, 5}, labels}, AngularMarginAttrs{.scale = 0}, "scale 0 be positive");
}

TEST_CASE("angular_margin gives what the authors of ArcFace compute, and the gradient of its cross entropy") {
  // insightface's ArcFace with margin 0.5 and scale 64, then F.cross_entropy, in double with PyTorch 1.13.
  Graph g;
  const Value x = g.input({DType::f32, {3, 3}}, "x"), labels = g.input({DType::i32, {3}}, "labels");
  const Value y = angular_margin(x, labels), loss = mean(softmax_cross_entropy(y, labels));
  const Value dx = gradients(loss, {x})[0];
  for (const Device& device : {Device::reference(), Device::cpu()}) {
    Executor run(plan(g, {y, loss, dx}, {.device = device}));
    run.set(x, Tensor::from({3, 3}, {0.3F, -0.2F, 0.9F, -0.95F, 0.1F, 0.4F, 0.99F, -0.5F, 0.25F}));
    run.set(labels, Tensor::from({3}, {0, 0, 2}).to(DType::i32));
    run.run();
    const Tensor want =
        Tensor::from({3, 3}, {-12.420355F, -12.8F, 57.6F, -76.141617235F, 6.4F, 25.6F, 63.36F, -32, -15.667593038F});
    CHECK(relative_error(run.get(y), want) < 1e-6);
    CHECK(run.get(loss).item() == doctest::Approx(83.59652175912969).epsilon(1e-6));
    const Tensor gradient = Tensor::from({3, 3}, {-21.93823826F, 0, 21.33333333F, -21.33333333F, 9.785987681e-08F,
                                                  21.33333324F, 21.33333333F, 0, -21.36255368F});
    CHECK(relative_error(run.get(dx), gradient) < 1e-6);
  }
}

TEST_CASE("angular_margin adds to the angle, and goes on falling where that would pass pi") {
  for (const double angle : {0.01, 1., 2., 2.6}) {
    CHECK(margin_of(std::cos(angle), mild) == doctest::Approx(2 * std::cos(angle + 0.5)).epsilon(1e-5));
  }
  CHECK(margin_of(-0.95, mild) == doctest::Approx(2 * (-0.95 - 0.5 * std::sin(0.5))));
  double before = 3;
  for (double angle = 0; angle < 3.14; angle += 0.01) {
    const double now = margin_of(std::cos(angle), mild);
    CHECK(now < before);
    before = now;
  }
}

TEST_CASE("angular_margin has finite gradients at angle 0 and for cosines that rounding put beyond 1") {
  Graph g;
  const Value x = g.input({DType::f32, {2, 2}}, "x"), labels = g.input({DType::i32, {2}}, "labels");
  const Value dx = gradients(sum(angular_margin(x, labels)), {x})[0];
  Executor run(plan(g, {dx}));
  run.set(x, Tensor::from({2, 2}, {1, 0, 0, 1.0000001F}));
  run.set(labels, Tensor::from({2}, {0, 1}).to(DType::i32));
  run.run();
  const auto at_zero = static_cast<float>(64 * std::cos(0.5));
  CHECK(relative_error(run.get(dx), Tensor::from({2, 2}, {at_zero, 64, 64, at_zero})) < 1e-6);
}
