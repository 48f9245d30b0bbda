#include "cuda/kernel_check.hpp"
#include "cuda/sum_kernels.hpp"

namespace g2face::test {
namespace {

TEST_CASE("block_sum gives every thread the same sum, again and again") {
  for (const int threads : {32, 64, 256, 1024}) {
    CAPTURE(threads);
    constexpr int rows = 3, columns = 300;
    const Tensor x = varied({rows, columns}, 5);
    std::vector<Tensor> seen;
    for_each_schedule([&] {
      const DeviceTensor in(x), out(Tensor::zeros({DType::f32, {rows, 2, threads}}));
      row_sums(static_cast<const float*>(in.data()), static_cast<float*>(out.data()), rows, columns, threads);
      cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
      seen.push_back(out.to_host());
    });
    for (int row = 0; row < rows; ++row) {
      double want = 0;
      for (int j = 0; j < columns; ++j)
        want += static_cast<double>(x.as<float>()[static_cast<std::size_t>(row * columns + j)]);
      const float first = seen[0].as<float>()[static_cast<std::size_t>(row * 2 * threads)];
      CHECK(static_cast<double>(first) == doctest::Approx(want).epsilon(1e-5));
      for (const Tensor& sums : seen) {
        const auto of_row = sums.as<float>().subspan(static_cast<std::size_t>(row * 2 * threads),
                                                     static_cast<std::size_t>(2 * threads));
        for (const float sum : of_row) REQUIRE(sum == first);
      }
    }
  }
}

}  // namespace
}  // namespace g2face::test
