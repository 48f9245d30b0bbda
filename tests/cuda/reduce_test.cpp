#include "g2face/ops/reduce.hpp"

#include <algorithm>

#include "cuda/layout_check.hpp"

namespace g2face::test {
namespace {

void check_sums(const Shape& shape, const std::vector<int>& axes, std::string_view kernel) {
  const std::vector<std::string> kernels =
      check_layouts(reduce_op, ReduceAttrs{.axes = axes, .keep_dims = true}, {{varied(shape, 7)}}, 1e-6);
  CAPTURE(shape);
  CHECK(std::find(kernels.begin(), kernels.end(), kernel) != kernels.end());
}

TEST_CASE("reduce on CUDA takes features as they lie") {
  check_sums({2, 16, 5, 7}, {2, 3}, "reduce columns");
  check_sums({2, 16, 8, 8}, {2, 3}, "reduce rows");
  check_sums({2, 16, 5, 7}, {0, 2, 3}, "reduce columns");
  check_sums({2, 64, 3, 4}, {1}, "reduce rows");
  check_sums({2, 16, 3, 4}, {1, 2, 3}, "reduce rows");
  check_sums({3, 8, 3, 4}, {0}, "reduce columns");
  check_sums({3, 5, 3, 4}, {3}, "reduce columns");
}

TEST_CASE("reduce on CUDA cuts long sums into parts") {
  check_sums({1, 8, 40, 40}, {2, 3}, "reduce columns in parts");
  check_sums({2, 3, 90, 91}, {1, 2, 3}, "reduce rows in parts");
  check_sums({40000}, {0}, "reduce rows in parts");
  check_sums({3000, 7}, {0}, "reduce columns in parts");
}

TEST_CASE("reduce on CUDA sums 16-bit floats in f32") {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    const std::vector<Tensor> x{varied({3, 40, 5}, 8).to(dtype)};
    const ReduceAttrs attrs{.axes = {1}};
    const LayoutChoice plain{{Layout::nchw}, {Layout::nchw}, 0};
    const Tensor got = run_in_layouts(reduce_op, attrs, x, plain, Precision::strict).result;
    CHECK(relative_error(got, reference_result(reduce_op, attrs, x).to(dtype)) == 0);
  }
}

}  // namespace
}  // namespace g2face::test
