// The values and gradients of the recorded cases are checked by golden_check; here is what they do not hold.
#include "g2face/train/losses.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"

using namespace g2face;

namespace {

Value constant(Graph& g, const Shape& shape, std::initializer_list<float> values) {
  return g.constant(Tensor::from(shape, values));
}
double value_of(Value v) { return testing::evaluate(v, {}).item(); }

}  // namespace

TEST_CASE("losses: identities") {
  Graph g;
  const Value a = constant(g, {2, 2}, {1, 0, 0, 2}), b = constant(g, {2, 2}, {3, 4, 0, -1});
  CHECK(value_of(same_identity(a, b)) == doctest::Approx((0.4 + 2) / 2));
  CHECK(value_of(other_identity(a, b)) == doctest::Approx((0.6 + 0) / 2));
  CHECK(value_of(cosine_embedding(a, b, constant(g, {2}, {1, -1}))) == doctest::Approx((0.4 + 0) / 2));
  CHECK(value_of(diversity(b)) == 0);
  CHECK(value_of(diversity(constant(g, {3, 2}, {1, 0, 1, 1, 0, 1}))) == doctest::Approx(4 * std::sqrt(0.5) / 9));
  CHECK(value_of(diversity(constant(g, {1, 2}, {1, 0}))) == 0);
}

TEST_CASE("losses: adversarial") {
  Graph g;
  const Value real = constant(g, {2, 1}, {0, 30}), fake = constant(g, {2, 1}, {0, -30});
  CHECK(value_of(generator_loss(fake)) == doctest::Approx((std::log(2.) + 30) / 2));
  CHECK(value_of(discriminator_loss(real, fake)) == doctest::Approx(std::log(2.)));
}

TEST_CASE("losses: the gradient penalty, and its gradient") {
  // D(x) = sum w x^2: the slope is 2 w x, and r1 = mean_n sum (2 w x)^2.
  Graph g;
  const Value x = constant(g, {2, 1, 1, 2}, {1, 2, 3, 4}), w = constant(g, {1, 1, 1, 2}, {0.5, -1});
  const Value logits = sum(w * square(x), {.axes = {1, 2, 3}}), r1 = r1_penalty(logits, x);
  CHECK(value_of(r1) == doctest::Approx((1 + 16 + 9 + 64) / 2.));
  const Value dw = gradients(r1, {w})[0];
  CHECK(value_of(sum(slice_axis(dw, 3, 0, 1))) == doctest::Approx(4 * 0.5 * (1 + 9)));
}

TEST_CASE("losses: hidden bits, far from the middle too") {
  Graph g;
  const Value logits = constant(g, {4}, {0, 40, -40, 40}), bits = constant(g, {4}, {1, 1, 0, 0});
  CHECK(value_of(hidden_bits(logits, bits)) == doctest::Approx((std::log(2.) + 40) / 4));
}
