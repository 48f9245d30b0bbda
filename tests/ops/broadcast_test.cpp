#include "g2face/ops/broadcast.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"

using namespace g2face;

TEST_CASE("broadcast: forward and gradients") {
  const OpCheck c(broadcast_op);
  c.ok({{}}, BroadcastAttrs{{3, 5}});
  c.ok({{1}}, BroadcastAttrs{{257}});
  c.ok({{5}}, BroadcastAttrs{{33, 5}});
  c.ok({{4, 1}}, BroadcastAttrs{{2, 4, 31}});
  c.ok({{16, 1, 1}}, BroadcastAttrs{{2, 16, 3, 5}});
  c.ok({{2, 1, 3, 1}}, BroadcastAttrs{{2, 16, 3, 5}});
  c.ok({{1, 2, 1, 3}}, BroadcastAttrs{{4, 2, 3, 3}});
}

TEST_CASE("broadcast: values of any dtype") {
  const OpCheck c(broadcast_op, BroadcastAttrs{{2, 3}});
  c.gives({Tensor::from({3}, {1, 2, 3})}, Tensor::from({2, 3}, {1, 2, 3, 1, 2, 3}));
  c.gives({Tensor::from({2, 1}, {1, 2}).to(DType::i64)}, Tensor::from({2, 3}, {1, 1, 1, 2, 2, 2}).to(DType::i64));
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x");
  CHECK(broadcast_to(x, {2, 3}) == x);
}

TEST_CASE("broadcast: rules") {
  const OpCheck c(broadcast_op);
  c.fails("R1", {{2}}, BroadcastAttrs{{2, 3}}, "x [2] does not broadcast to [2,3]");
  c.fails("R1", {{3, 1}}, BroadcastAttrs{{3}}, "x [3,1] does not broadcast to [3]");
  c.fails("R1", {{3}}, BroadcastAttrs{{1}}, "x [3] does not broadcast to [1]");
}
