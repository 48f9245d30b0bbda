#include "g2face/ops/reorder.hpp"

#include <doctest/doctest.h>

#include "cpu_step.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("reorder on cpu: from and to every layout, exact, any dtype") {
  for (const Shape& shape : {Shape{2, 32, 5, 7}, Shape{1, 16, 1, 1}, Shape{3, 64, 33, 2}}) {
    const Tensor x = random_tensor(shape, 1, 100);
    for (const DType dtype : {DType::f32, DType::i64, DType::bf16, DType::u8}) {
      for (const Layout layout : {Layout::nchw8c, Layout::nchw16c}) {
        check_cpu({reorder_op, NoAttrs{}, {x.to(dtype)}, {}, {layout}}, 0);
        check_cpu({reorder_op, NoAttrs{}, {x.to(dtype)}, {layout}, {}, {}, 1}, 0);
        check_cpu({reorder_op, NoAttrs{}, {x.to(dtype)}, {layout}, {layout}}, 0);
      }
    }
    check_cpu({reorder_op, NoAttrs{}, {x}, {Layout::nchw8c}, {Layout::nchw16c}}, 0);
  }
}
