#include "g2face/ops/pointwise.hpp"

#include <doctest/doctest.h>

#include "g2face/graph/gradients.hpp"
#include "g2face/ops/reduce.hpp"
#include "op_check.hpp"
#include "pointwise_instructions.hpp"

using namespace g2face;
using g2face::test::apply;
using g2face::test::choose;

namespace {

using Kind = PointwiseInstruction::Kind;

const CheckLimits no_gradient{.gradient = false};

}  // namespace

TEST_CASE("pointwise: a program over broadcast inputs") {
  const OpCheck c(pointwise_op, NoAttrs{}, no_gradient);
  const auto attrs = [](const Shape& shape) {
    // r2 = x + b, r3 = tanh(r2), r4 = r3 > b, r5 = r4 ? r2 : r3
    return PointwiseAttrs{
        .shape = shape,
        .program = {apply(Binary::add, 0, 1), apply(Unary::tanh, 2), apply(Binary::greater, 3, 1), choose(4, 2, 3)},
        .results = {5, 3}};
  };
  for (const Shape& x : {Shape{}, {1}, {31}, {32}, {33}, {257}, {2, 16, 3, 5}}) {
    c.ok({x, x}, attrs(x));
    c.ok({x, {}}, attrs(x));
  }
  c.ok({{2, 16, 3, 5}, {16, 1, 1}}, attrs({2, 16, 3, 5}));
  c.ok({{2, 1, 3, 5}, {16, 1, 1}}, attrs({2, 16, 3, 5}));
  c.ok({{3, 1}, {1, 33}}, attrs({3, 33}));
  c.ok({{1}, {1}}, attrs({4, 4}));
}

TEST_CASE("pointwise: each function of its parts") {
  const OpCheck c(pointwise_op, NoAttrs{}, no_gradient);
  for (int k = 0; k <= static_cast<int>(Unary::round); ++k) {
    const UnaryAttrs f{.kind = static_cast<Unary>(k), .a = 0.3, .b = 0.7};
    const PointwiseAttrs attrs{.shape = {3, 33}, .program = {{.unary = f, .source = {0}}}, .results = {1}};
    c.ok({{{3, 33}, {0.1, 2}}}, attrs);
  }
  for (int k = 0; k <= static_cast<int>(Binary::equal); ++k) {
    const PointwiseAttrs attrs{.shape = {3, 33}, .program = {apply(static_cast<Binary>(k), 0, 1)}, .results = {2}};
    c.ok({{{3, 33}, {0.1, 2}}, {33}}, attrs);
  }
}

TEST_CASE("pointwise: plans make it, and that changes nothing") {
  const OpCheck c(unary_op);
  c.ok({{2, 16, 5, 7}, {16, 1, 1}}, [](const std::vector<Value>& v) {
    const Value y = leaky_relu(v[0] + v[1], 0.2) * 1.5;
    return sigmoid(y) * y - exp(v[1]);
  });
  // A chain that leaves and returns: the sum lies between two elementwise parts and must not be swallowed by either.
  c.ok({{3, 33}}, [](const std::vector<Value>& v) {
    const Value y = exp(v[0]);
    return y / sum(y, {.axes = {1}, .keep_dims = true});
  });
}

TEST_CASE("pointwise: rules") {
  const OpCheck c(pointwise_op);
  const auto with = [](std::vector<PointwiseInstruction> program, std::vector<int> results) {
    return PointwiseAttrs{.shape = {2, 3}, .program = std::move(program), .results = std::move(results)};
  };
  c.fails("R1", {{{2, 3}, {}, DType::i64}}, with({}, {0}), "must have a floating dtype");
  c.fails("R1", {{2, 3}, {{2, 3}, {}, DType::f64}}, with({}, {0}), "x1 f64[2,3] has not the dtype of x0, f32");
  CHECK_THROWS_AS(pointwise({}, with({}, {})), ShapeError);
  c.fails("R2", {{2, 3}, {2}}, with({}, {0}), "x1 [2] does not broadcast to [2,3]");
  c.fails("R3", {{3}}, with({apply(Unary::exp, 1)}, {1}), "instruction 0 reads register 1, but only 1 are written");
  c.fails("R3", {{3}}, with({apply(Unary::exp, -1)}, {1}), "instruction 0 reads register -1");
  c.fails("R3", {{3}}, with({choose(0, 0, 0), {.kind = Kind::binary, .source = {0}}}, {1}),
          "instruction 1 has 1 operands instead of 2");
  c.fails("R3", {{3}}, with({apply(Unary::exp, 0)}, {2}), "register 2 is a result, but only 2 are written");
}

TEST_CASE("pointwise: no gradient, and says so") {
  Graph g;
  const Value x = g.input({DType::f32, {3}}, "x");
  const Value y =
      pointwise(std::vector<Value>{x}, {.shape = {3}, .program = {apply(Unary::exp, 0)}, .results = {1}})[0];
  CHECK_THROWS_AS(gradients(sum(y), {x}), GraphError);
}

TEST_CASE("pointwise: settings as text") {
  const PointwiseAttrs attrs{
      .shape = {3}, .program = {apply(Unary::exp, 0), apply(Binary::mul, 0, 1), choose(0, 1, 2)}, .results = {3}};
  CHECK(attrs.str() == "[3]; exp [0]; mul [0,1]; select [0,1,2] -> [3]");
}
