#include "g2face/ops/cholesky_solve.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

/// Ones, and n on the diagonal.
Tensor positive_definite(std::int64_t batch, std::int64_t n) {
  Tensor a = Tensor::full({DType::f32, {batch, n, n}}, 1);
  for (std::int64_t i = 0; i < batch * n; ++i) {
    a.mutable_as<float>()[static_cast<std::size_t>(i * n + i % n)] = static_cast<float>(n);
  }
  return a;
}

void solve(benchmark::State& state, std::int64_t batch, std::int64_t n, const Device& device) {
  Call call{cholesky_solve_op, NoAttrs{}, {{DType::f32, {batch, n, n}}, {DType::f32, {batch, n, 1}}}};
  call.device = device;
  call.first = positive_definite(batch, n);
  run(state, call);
  set_rate(state, "GFLOP/s", static_cast<double>(batch * n * n) * (static_cast<double>(n) / 3 + 2));
}

// A fit of the reference's coefficients (6 + 80 + 64) and of ICT-FaceKit's (6 + 100 + 53).
const bool registered = [] {
  for (const std::int64_t n : {150, 159}) {
    for (const std::int64_t batch : {1, 8, 64}) {
      const std::string name = str("cholesky_solve/", n, "/n", batch);
      add(name, [n, batch](benchmark::State& s) { solve(s, batch, n, Device::cpu()); });
      add_cuda(name, [n, batch](benchmark::State& s) { solve(s, batch, n, Device::cuda()); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
