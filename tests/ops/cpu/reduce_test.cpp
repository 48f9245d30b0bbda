#include "g2face/ops/reduce.hpp"

#include <doctest/doctest.h>

#include "cpu_step.hpp"
#include "kernels/cpu/layout.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("reduce on cpu: every set of axes, every layout it offers, 1 to 3 threads") {
  for (const Shape& shape :
       {Shape{2, 32, 5, 7}, Shape{3, 16, 1, 1}, Shape{1, 16, 70, 61}, Shape{2, 3, 4, 300}, Shape{33, 2, 1, 20}}) {
    const Tensor x = random_tensor(shape, 1, 1, 0.5f);
    for (unsigned set = 0; set < 16; ++set) {
      ReduceAttrs a;
      for (int axis = 0; axis < 4; ++axis) {
        if (set >> axis & 1u) a.axes.push_back(axis);
      }
      a.keep_dims = set % 3 == 0;
      const std::vector<Type> types = {x.type()};
      for (const LayoutChoice& layouts : reduce_op.cpu_layouts(a, types, reduce_op.infer(a, types))) {
        for (const int threads : {1, 2, 3}) check_cpu({reduce_op, a, {x}, layouts.in, layouts.out, {}, threads}, 2e-7);
      }
    }
  }
  check_cpu({reduce_op, ReduceAttrs{.axes = {0}}, {random_tensor({20000}, 1, 1, 1)}}, 2e-7);
  check_cpu({reduce_op, ReduceAttrs{.axes = {1}}, {random_tensor({3, 0}, 1)}}, 0);
  check_cpu({reduce_op, ReduceAttrs{}, {random_tensor({}, 1)}}, 0);
  check_cpu({reduce_op, ReduceAttrs{.axes = {0, 2, 4}}, {random_tensor({3, 2, 4, 3, 2}, 1, 1, 1)}}, 2e-7);
}
