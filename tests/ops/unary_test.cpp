#include "g2face/ops/unary.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("unary: every function, forward and gradients") {
  const OpCheck c(unary_op);
  const Range positive{0.25, 3};
  for (const Shape& x : {Shape{}, {1}, {31}, {32}, {33}, {257}, {2, 16, 3, 5}, {1, 3, 7, 4}}) {
    for (const Unary kind : {Unary::exp, Unary::square, Unary::sin, Unary::cos, Unary::tanh, Unary::sigmoid,
                             Unary::softplus, Unary::abs, Unary::sign, Unary::round})
      c.ok({x}, UnaryAttrs{.kind = kind});
    for (const Unary kind : {Unary::log, Unary::sqrt, Unary::rsqrt, Unary::reciprocal})
      c.ok({{x, positive}}, UnaryAttrs{.kind = kind});
    c.ok({x}, UnaryAttrs{.kind = Unary::affine, .a = -1.5, .b = 0.25});
    c.ok({x}, UnaryAttrs{.kind = Unary::affine, .a = 1, .b = 2});
    c.ok({x}, UnaryAttrs{.kind = Unary::leaky_relu, .a = 0.2});
    c.ok({x}, UnaryAttrs{.kind = Unary::leaky_step, .a = 0.2});
    c.ok({x}, UnaryAttrs{.kind = Unary::clamp, .a = -0.5, .b = 0.5});
    c.ok({x}, UnaryAttrs{.kind = Unary::inside, .a = -0.5, .b = 0.5});
  }
}

TEST_CASE("unary: large arguments") {
  const OpCheck c(unary_op);
  for (const Unary kind : {Unary::tanh, Unary::sigmoid, Unary::softplus, Unary::sin, Unary::cos})
    c.ok({{{257}, {-30, 30}}}, UnaryAttrs{.kind = kind});
  c.ok({{{257}, {-100, 80}}}, UnaryAttrs{.kind = Unary::exp});
  c.ok({{{33}, {-4.5, 4.5}}}, UnaryAttrs{.kind = Unary::round});
}

TEST_CASE("unary: values at the edges") {
  const OpCheck c(unary_op);
  const float inf = std::numeric_limits<float>::infinity();
  const auto row = [](std::initializer_list<float> v) {
    return Tensor::from({static_cast<std::int64_t>(v.size())}, v);
  };
  c.gives({row({-1, -0.0f, 0, 2})}, UnaryAttrs{.kind = Unary::sign}, row({-1, 0, 0, 1}));
  c.gives({row({-2, 0, 2})}, UnaryAttrs{.kind = Unary::leaky_relu, .a = 0.5}, row({-1, 0, 2}));
  c.gives({row({-2, 0, 2})}, UnaryAttrs{.kind = Unary::leaky_step, .a = 0.5}, row({0.5, 0.5, 1}));
  c.gives({row({-inf, -3, 0.25, 3, inf})}, UnaryAttrs{.kind = Unary::clamp, .a = -1, .b = 2},
          row({-1, -1, 0.25, 2, 2}));
  c.gives({row({-1.01f, -1, 0, 2, 2.01f})}, UnaryAttrs{.kind = Unary::inside, .a = -1, .b = 2}, row({0, 1, 1, 1, 0}));
  c.gives({row({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49f})}, UnaryAttrs{.kind = Unary::round},
          row({-2, -2, 0, 0, 2, 2, 0}));
  c.gives({row({-100, 0, 20, 21, 1000})}, UnaryAttrs{.kind = Unary::softplus}, row({0, 0.69314718f, 20, 21, 1000}));
  c.gives({row({-1000, -100, 0, 100, 1000})}, UnaryAttrs{.kind = Unary::sigmoid}, row({0, 3.7e-44f, 0.5, 1, 1}));
  c.gives({row({-inf, -1000, 0, inf})}, UnaryAttrs{.kind = Unary::exp}, row({0, 0, 1, inf}));
  c.gives({row({0, 1, inf})}, UnaryAttrs{.kind = Unary::log}, row({-inf, 0, inf}));
  c.gives({row({0, 4, inf})}, UnaryAttrs{.kind = Unary::rsqrt}, row({inf, 0.5, 0}));
}

TEST_CASE("unary: builders") {
  const OpCheck c(unary_op);
  const Tensor x = Tensor::from({3}, {-2, 0.5, 4});
  const auto gives = [&](Value (*f)(Value), std::initializer_list<float> want) {
    c.gives(
        {x}, [f](const std::vector<Value>& v) { return f(v[0]); }, Tensor::from({3}, want));
  };
  gives([](Value v) { return -v; }, {2, -0.5, -4});
  gives([](Value v) { return v * 2; }, {-4, 1, 8});
  gives([](Value v) { return 2 * v; }, {-4, 1, 8});
  gives([](Value v) { return v / 2; }, {-1, 0.25, 2});
  gives([](Value v) { return v + 1; }, {-1, 1.5, 5});
  gives([](Value v) { return v - 1; }, {-3, -0.5, 3});
  gives([](Value v) { return relu(v); }, {0, 0.5, 4});
  gives([](Value v) { return square(v); }, {4, 0.25, 16});
  gives([](Value v) { return abs(v); }, {2, 0.5, 4});
  gives([](Value v) { return reciprocal(v); }, {-0.5, 2, 0.25});
  gives([](Value v) { return sqrt(square(v)); }, {2, 0.5, 4});
}

TEST_CASE("unary: rules and text") {
  const OpCheck c(unary_op, UnaryAttrs{.kind = Unary::exp});
  c.fails("R1", {{{2, 3}, {}, DType::i64}}, "x i64[2,3] must have a floating dtype");
  CHECK(UnaryAttrs{.kind = Unary::exp}.str() == "exp");
  CHECK(UnaryAttrs{.kind = Unary::leaky_relu, .a = 0.2}.str() == "leaky_relu 0.2 0");
  const double beside = std::nextafter(0.2, 1.0);
  CHECK(UnaryAttrs{.a = beside}.str() != UnaryAttrs{.a = 0.2}.str());
}
