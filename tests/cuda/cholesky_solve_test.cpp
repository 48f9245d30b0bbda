#include "g2face/ops/cholesky_solve.hpp"

#include <limits>

#include "cuda/pass_check.hpp"

namespace g2face::test {
namespace {

/// m m^T + 1.
Tensor positive_definite(std::int64_t batch, std::int64_t n, unsigned seed) {
  const Tensor m = varied({batch, n, n}, seed);
  Tensor a = Tensor::zeros({DType::f64, {batch, n, n}});
  const auto from = m.as<float>();
  const auto to = a.mutable_as<double>();
  const auto size = static_cast<std::size_t>(n);
  for (std::size_t s = 0; s < static_cast<std::size_t>(batch); ++s) {
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        double sum = i == j ? 1 : 0;
        for (std::size_t k = 0; k < size; ++k) {
          sum += static_cast<double>(from[(s * size + i) * size + k]) *
                 static_cast<double>(from[(s * size + j) * size + k]);
        }
        to[(s * size + i) * size + j] = sum;
      }
    }
  }
  return a.to(DType::f32);
}

const LayoutChoice row_major{{Layout::nchw, Layout::nchw}, {Layout::nchw, Layout::nchw}, 0};

TEST_CASE("cholesky_solve on CUDA: in shared memory and in a workspace") {
  for (const std::int64_t n : {1, 7, 33, 70}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor a = positive_definite(2, n, 3).to(dtype), b = varied({2, n, 2}, 4).to(dtype);
      check_pass({cholesky_solve_op, NoAttrs{}, {a, b}, row_major}, "cholesky_solve cuda:shared", 1e-5);
    }
  }
  const Tensor a = positive_definite(2, 40, 5).to(DType::f64), b = varied({2, 40, 300}, 6).to(DType::f64);
  check_pass({cholesky_solve_op, NoAttrs{}, {a, b}, row_major}, "cholesky_solve cuda:workspace", 1e-12);
}

TEST_CASE("cholesky_solve on CUDA: what has no factor gives zeros and says so") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor a = Tensor::from({4, 2, 2}, {1, 2, 2, 1, 4, 2, 2, 3, nan, 0, 0, 1, 4, 2, 2, 3});
  const Tensor b = Tensor::from({4, 2, 1}, {1, 1, 2, 3, 1, 1, nan, 1});
  check_pass({cholesky_solve_op, NoAttrs{}, {a, b}, row_major}, "cholesky_solve cuda:shared");
}

}  // namespace
}  // namespace g2face::test
