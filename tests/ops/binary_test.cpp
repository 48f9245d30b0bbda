#include "g2face/ops/binary.hpp"

#include <doctest/doctest.h>

#include "g2face/graph/gradients.hpp"
#include "g2face/ops/reduce.hpp"
#include "op_check.hpp"

using namespace g2face;

TEST_CASE("binary: every function, forward and gradients") {
  const OpCheck c(binary_op);
  const std::vector<std::pair<Shape, Shape>> shapes{{{}, {}},
                                                    {{1}, {31}},
                                                    {{32}, {32}},
                                                    {{33}, {1}},
                                                    {{257}, {}},
                                                    {{}, {2, 3}},
                                                    {{4, 1}, {1, 5}},
                                                    {{3, 5}, {5}},
                                                    {{2, 16, 3, 5}, {2, 16, 3, 5}},
                                                    {{2, 16, 3, 5}, {16, 1, 1}},
                                                    {{2, 16, 3, 5}, {2, 16, 1, 1}},
                                                    {{2, 3, 4, 5}, {1, 1, 4, 5}},
                                                    {{2, 1, 3, 3}, {1, 16, 3, 1}}};
  for (const auto& [x, y] : shapes) {
    for (const Binary kind :
         {Binary::add, Binary::sub, Binary::mul, Binary::maximum, Binary::minimum, Binary::greater, Binary::equal})
      c.ok({x, y}, BinaryAttrs{kind});
    c.ok({x, {y, {0.25, 2}}}, BinaryAttrs{Binary::div});
  }
}

TEST_CASE("binary: a value with itself") {
  const OpCheck c(binary_op);
  c.ok({{3, 5}}, [](const std::vector<Value>& v) { return v[0] * v[0]; });
  c.ok({{3, 5}}, [](const std::vector<Value>& v) { return v[0] - v[0]; });
}

TEST_CASE("binary: ties and comparisons") {
  const OpCheck c(binary_op);
  const Tensor x = Tensor::from({4}, {1, 2, 3, -1});
  const Tensor y = Tensor::from({4}, {1, 1, 4, 1});
  c.gives({x, y}, BinaryAttrs{Binary::greater}, Tensor::from({4}, {0, 1, 0, 0}));
  c.gives({x, y}, BinaryAttrs{Binary::equal}, Tensor::from({4}, {1, 0, 0, 0}));
  c.gives({x, y}, BinaryAttrs{Binary::maximum}, Tensor::from({4}, {1, 2, 4, 1}));
  c.gives({x, y}, BinaryAttrs{Binary::minimum}, Tensor::from({4}, {1, 1, 3, -1}));
  c.gives({x, Tensor::from({2, 1}, {10, 20})}, BinaryAttrs{Binary::add},
          Tensor::from({2, 4}, {11, 12, 13, 9, 21, 22, 23, 19}));
  // At a tie the gradient is x's alone.
  for (const Binary kind : {Binary::maximum, Binary::minimum}) {
    const auto gradient_of = [kind](std::size_t i) {
      return [=](const std::vector<Value>& v) { return gradients(sum(binary(v[0], v[1], {kind})), {v[i]})[0]; };
    };
    c.gives({x, x}, gradient_of(0), Tensor::from({4}, {1, 1, 1, 1}));
    c.gives({x, x}, gradient_of(1), Tensor::from({4}, {0, 0, 0, 0}));
  }
}

TEST_CASE("binary: rules") {
  const OpCheck c(binary_op, BinaryAttrs{Binary::mul});
  c.fails("R1", {{2, 3}, {{2, 3}, {}, DType::f64}}, "x f32[2,3] and y f64[2,3] must have the same floating dtype");
  c.fails("R1", {{{2}, {}, DType::i32}, {{2}, {}, DType::i32}}, "x i32[2] and y i32[2]");
  c.fails("R2", {{2, 3}, {2, 4}}, "shapes [2,3] and [2,4] do not broadcast: axis -1 is 3 and 4");
}
