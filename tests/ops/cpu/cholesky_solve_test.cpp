#include "g2face/ops/cholesky_solve.hpp"

#include "cpu_step.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("cholesky_solve on cpu: sizes beside the tiles, every instruction set, 1 to 3 threads") {
  for (const std::int64_t n : {1, 3, 24, 31, 50}) {
    Tensor a = random_tensor({4, n, n}, 1, 0.3f);
    for (std::int64_t i = 0; i < 4 * n; ++i) {  // diagonally dominant in the triangle that is read
      a.mutable_as<float>()[static_cast<std::size_t>(i * n + i % n)] = static_cast<float>(n) + 1;
    }
    const Tensor b = random_tensor({4, n, 3}, 2);
    for (const char* isa : all_isas) {
      const ScopedIsa scope(isa);
      for (const int threads : {1, 3}) {
        CpuCall call{cholesky_solve_op, NoAttrs{}, {a, b}};
        call.threads = threads;
        CHECK(check_cpu(call, 1e-6).starts_with("cholesky_solve tiles:"));
      }
    }
  }
}
