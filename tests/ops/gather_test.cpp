#include "g2face/ops/gather.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("gather: forward and gradients") {
  const OpCheck c(gather_op);
  c.ok({{5}}, GatherAttrs{0, {4, 0, 0, 2}, 5});
  c.ok({{1}}, GatherAttrs{0, {0}, 1});
  c.ok({{33, 3}}, GatherAttrs{0, {32, 1, 32, 31}, 33});
  c.ok({{3, 257}}, GatherAttrs{1, {256, 0, 128, 256}, 257});
  c.ok({{2, 16, 3, 5}}, GatherAttrs{1, {15, 0, 7, 7, 7}, 16});
  c.ok({{2, 3, 4, 5}}, GatherAttrs{3, {0, 4}, 5});
  c.ok({{4, 2}}, GatherAttrs{0, {}, 4});
}

TEST_CASE("gather_grad: forward and gradients") {
  const OpCheck c(gather_grad_op);
  c.ok({{4}}, GatherAttrs{0, {4, 0, 0, 2}, 5});
  c.ok({{3, 4}}, GatherAttrs{1, {256, 0, 128, 256}, 257});
  c.ok({{2, 5, 3, 5}}, GatherAttrs{1, {15, 0, 7, 7, 7}, 16});
}

TEST_CASE("gather: values of any dtype") {
  const OpCheck c(gather_op);
  const auto pick = [](const std::vector<Value>& v) { return gather(v[0], 1, {2, 0, 2}); };
  const Tensor x = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor want = Tensor::from({2, 3}, {3, 1, 3, 6, 4, 6});
  c.gives({x}, pick, want);
  c.gives({x.to(DType::i64)}, pick, want.to(DType::i64));
  const OpCheck adjoint(gather_grad_op);
  adjoint.gives({x}, GatherAttrs{1, {2, 0, 2}, 4}, Tensor::from({2, 4}, {2, 0, 4, 0, 5, 0, 10, 0}));
}

TEST_CASE("gather: rules") {
  const OpCheck c(gather_op);
  c.fails("R1", {{2, 3}}, GatherAttrs{2, {0}, 3}, "axis 2 is none of x [2,3]");
  c.fails(
      "R1", {{2, 3}}, [](const std::vector<Value>& v) { return gather(v[0], -1, {0}); }, "axis -1 is none of x [2,3]");
  c.fails("R2", {{2, 3}}, GatherAttrs{1, {0, 3}, 3}, "index 3 lies outside the 3 slices of axis 1");
  c.fails("R2", {{2, 3}}, GatherAttrs{1, {-1}, 3}, "index -1 lies outside the 3 slices of axis 1");
  c.fails("R2", {{2, 3}}, GatherAttrs{1, {0}, 4}, "axis 1 of x [2,3] does not have the extent 4");
  const OpCheck adjoint(gather_grad_op);
  adjoint.fails("R1", {{2, 3}}, GatherAttrs{2, {0}, 3}, "axis 2 is none of dy [2,3]");
  adjoint.fails("R2", {{2, 1}}, GatherAttrs{1, {3}, 3}, "index 3 lies outside the 3 slices of axis 1");
  adjoint.fails("R3", {{2, 3}}, GatherAttrs{1, {0, 1}, 3},
                "axis 1 of dy [2,3] does not have one slice for each of 2 indices");
}
