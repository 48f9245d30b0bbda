#include "g2face/ops/log_sum_exp.hpp"

#include <cmath>

#include "cuda/kernel_check.hpp"

namespace g2face::test {
namespace {

TEST_CASE("log_sum_exp on CUDA: rows shorter and longer than a block") {
  for (const std::int64_t n : {1, 31, 256, 1000}) {
    const Tensor x = varied({5, n}, static_cast<unsigned>(n));
    Tensor want({DType::f64, {5}});
    for (std::size_t row = 0; row < 5; ++row) {
      double sum = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        sum += std::exp(static_cast<double>(x.as<float>()[row * static_cast<std::size_t>(n) + i]));
      }
      want.mutable_as<double>()[row] = std::log(sum);
    }
    check_kernel(log_sum_exp_op.cuda, log_sum_exp_op, NoAttrs{}, {{x}}, want);
  }
}

}  // namespace
}  // namespace g2face::test
