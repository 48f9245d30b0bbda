#include "g2face/ops/matmul.hpp"

#include <doctest/doctest.h>

#include "cpu_step.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("matmul on cpu: few and many rows, all transpositions, batches, known and unknown b") {
  for (const std::int64_t batch : {0, 3}) {
    for (const std::int64_t m : {1, 2, 4, 5, 33}) {
      for (const auto& [n, k] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 7}, {37, 129}, {600, 64}}) {
        for (const bool ta : {false, true}) {
          for (const bool tb : {false, true}) {
            const auto shape = [&](std::int64_t rows, std::int64_t columns, bool transposed) {
              if (transposed) std::swap(rows, columns);
              return batch == 0 ? Shape{rows, columns} : Shape{1, batch, rows, columns};
            };
            const std::vector<Tensor> in = {random_tensor(shape(m, k, ta), 1), random_tensor(shape(k, n, tb), 2)};
            for (const bool known : {false, true}) {
              for (const int threads : {1, 3}) {
                check_cpu({matmul_op, MatmulAttrs{ta, tb}, in, {}, {}, {false, known}, threads}, 1e-6);
              }
            }
          }
        }
      }
    }
  }
}

TEST_CASE("matmul on cpu: one row of a large product goes past the library") {
  const std::vector<Tensor> in = {random_tensor({1, 700}, 1), random_tensor({300, 700}, 2)};
  CHECK(check_cpu({matmul_op, MatmulAttrs{false, true}, in}, 1e-6).find("rows") != std::string::npos);
}
