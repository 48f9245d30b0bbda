#include "g2face/ops/select.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "g2face/graph/gradients.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/unary.hpp"
#include "op_check.hpp"

using namespace g2face;

namespace {

// The condition of a case: about half of its elements are 1, the others 0.
Value by_sign(const std::vector<Value>& v) { return select(greater(v[0], 0 * v[0]), v[1], v[2]); }

}  // namespace

TEST_CASE("select: forward and gradients") {
  const OpCheck c(select_op, by_sign);
  for (const Shape& x : {Shape{}, {1}, {31}, {32}, {33}, {257}, {2, 16, 3, 5}}) c.ok({x, x, x});
  c.ok({{2, 1}, {3}, {2, 3}});
  c.ok({{2, 3}, {}, {1, 3}});
  c.ok({{16, 1, 1}, {2, 16, 3, 5}, {2, 1, 3, 5}});
  c.ok({{2, 16, 3, 5}, {16, 1, 1}, {}});
}

TEST_CASE("select: what is not chosen has no influence") {
  const OpCheck c(select_op);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor condition = Tensor::from({4}, {0, 1, -0.5, -0.0f});
  const Tensor a = Tensor::from({4}, {nan, 1, 2, inf});
  const Tensor b = Tensor::from({4}, {3, nan, -inf, 4});
  c.gives({condition, a, b}, NoAttrs{}, Tensor::from({4}, {3, 1, 2, 4}));
  for (const std::size_t i : {1u, 2u}) {
    const auto gradient = [i](const std::vector<Value>& v) {
      return gradients(sum(square(select(v[0], v[1], v[2]))), {v[i]})[0];
    };
    c.gives({condition, a, b}, gradient, i == 1 ? Tensor::from({4}, {0, 2, 4, 0}) : Tensor::from({4}, {6, 0, 0, 8}));
  }
}

TEST_CASE("select: rules") {
  const OpCheck c(select_op);
  c.fails("R1", {{2}, {{2}, {}, DType::f64}, {2}}, "c f32[2], a f64[2] and b f32[2] must have the same floating dtype");
  c.fails("R1", {{{2}, {}, DType::u8}, {{2}, {}, DType::u8}, {{2}, {}, DType::u8}},
          "must have the same floating dtype");
  c.fails("R2", {{2}, {3}, {2}}, "shapes [2] and [3] do not broadcast");
  c.fails("R2", {{2}, {2}, {4, 3}}, "shapes [2] and [4,3] do not broadcast");
}
