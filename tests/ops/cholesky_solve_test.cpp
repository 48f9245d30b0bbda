#include "g2face/ops/cholesky_solve.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "evaluate.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

/// m m^T + ridge: positive definite whatever m is.
Value spd(Value m, double ridge) {
  const std::int64_t n = m.shape()[1];
  Tensor eye = Tensor::zeros({DType::f64, {n, n}});
  for (std::int64_t i = 0; i < n; ++i) eye.mutable_as<double>()[static_cast<std::size_t>(i * (n + 1))] = ridge;
  return matmul(m, m, {.transpose_b = true}) + m.graph->constant(eye.to(m.dtype()));
}

std::vector<Value> solve_spd(const std::vector<Value>& in) {
  const CholeskySolution s = cholesky_solve(spd(in[0], 0.5), in[1]);
  return {s.x, s.ok};
}

}  // namespace

TEST_CASE("cholesky_solve: a known system, of which the lower triangle is not read") {
  Bench b;
  // The textbook's factor: rows (2, 6, -8), (1, 5), (3).
  const Value a = b.feed(Tensor::from({1, 3, 3}, {4, 12, -16, 99, 37, -43, 99, 99, 98}));
  const Value right = b.feed(Tensor::from({1, 3, 2}, {4, -20, 12, -55, -16, 141}));
  const CholeskySolution s = cholesky_solve(a, right);
  const Tensor x = b.run(s.x);
  CHECK(b.number(s.ok) == 1);
  CHECK(x.as<double>()[0] == doctest::Approx(1).epsilon(1e-12));
  CHECK(x.as<double>()[2] == doctest::Approx(0).epsilon(1e-12));
  // a times column two is the second right side.
  const double* v = x.as<double>().data();
  CHECK(4 * v[1] + 12 * v[3] - 16 * v[5] == doctest::Approx(-20).epsilon(1e-12));
  CHECK(12 * v[1] + 37 * v[3] - 43 * v[5] == doctest::Approx(-55).epsilon(1e-12));
  CHECK(-16 * v[1] - 43 * v[3] + 98 * v[5] == doctest::Approx(141).epsilon(1e-12));
}

TEST_CASE("cholesky_solve: forward and gradients") {
  const OpCheck c(cholesky_solve_op, solve_spd);
  c.ok({{1, 1, 1}, {1, 1, 1}});
  c.ok({{2, 3, 3}, {2, 3, 2}});
  c.ok({{2, 7, 7}, {2, 7, 1}});
}

TEST_CASE("cholesky_solve: residuals are small for the condition of the matrix, at sizes beside the tiles") {
  for (const std::int64_t n : {1, 4, 5, 23, 24, 25, 63, 159}) {
    for (const double ridge : {1.0, 1e-3}) {
      Graph g;
      const Value m = g.input({DType::f32, {3, n, n}}, "m"), b = g.input({DType::f32, {3, n, 2}}, "b");
      const Value a = spd(m * std::sqrt(1.0 / static_cast<double>(n)), ridge);
      const CholeskySolution s = cholesky_solve(a, b);
      const Value product = matmul(a, s.x);
      Executor run(plan(g, {product, s.x, s.ok}, {.device = Device::cpu(), .threads = 2}));
      const Tensor right = random_tensor({3, n, 2}, 2).to(DType::f32);
      run.set(m, random_tensor({3, n, n}, static_cast<std::uint64_t>(n)).to(DType::f32));
      run.set(b, right);
      run.run();
      INFO("n ", n, " ridge ", ridge);
      const Tensor all_ok = run.get(s.ok);
      for (const float ok : all_ok.as<float>()) CHECK(ok == 1);
      // Backward stable: the residual is a few roundings of |a| |x|, and |a| < 2.5 here.
      const auto norm = [](const Tensor& t) { return relative_error(t, Tensor::zeros(t.type())); };
      const Tensor x = run.get(s.x);
      CHECK(relative_error(run.get(product), right) * norm(right) < 1e-6 * norm(x) * std::sqrt(static_cast<double>(n)));
    }
  }
}

TEST_CASE("cholesky_solve: what has no factor gives zeros and says so, and its neighbours do not notice") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const Tensor a = Tensor::from({6, 2, 2}, {1,   2,   2,   1,    // indefinite
                                            4,   2,   2,   3,    // fine
                                            nan, 0,   0,   1,    // not finite
                                            1,   inf, inf, 1,    //
                                            4,   2,   2,   3,    // a right side that is not finite
                                            0,   0,   0,   0});  // singular
  const Tensor b = Tensor::from({6, 2, 1}, {1, 1, 2, 3, 1, 1, 1, 1, nan, 1, 0, 0});
  for (const Device device : {Device::reference(), Device::cpu()}) {
    Graph g;
    const CholeskySolution s = cholesky_solve(g.constant(a), g.constant(b));
    Executor run(plan(g, {s.x, s.ok}, {.device = device}));
    run.run();
    const Tensor x = run.get(s.x).to(DType::f64), ok = run.get(s.ok).to(DType::f64);
    INFO(device);
    for (std::size_t i = 0; i < 6; ++i) {
      CHECK(ok.as<double>()[i] == (i == 1 ? 1 : 0));
      if (i == 1) continue;
      CHECK(x.as<double>()[2 * i] == 0);
      CHECK(x.as<double>()[2 * i + 1] == 0);
    }
    CHECK(x.as<double>()[2] == doctest::Approx(0).epsilon(1e-6));
    CHECK(x.as<double>()[3] == doctest::Approx(1).epsilon(1e-6));
  }
}

TEST_CASE("cholesky_solve: rules") {
  const OpCheck c(cholesky_solve_op);
  c.fails("R1", {{2, 2}, {2, 2}}, "a f32[2,2] and b f32[2,2] must have rank 3");
  c.fails("R1", {{{1, 2, 2}, {}, DType::i32}, {1, 2, 1}}, "the same floating dtype");
  c.fails("R2", {{1, 2, 3}, {1, 2, 1}}, "a [1,2,3] and b [1,2,1] must be [N,P,P] and [N,P,K]");
  c.fails("R2", {{2, 2, 2}, {1, 2, 1}}, "must be [N,P,P]");
  c.fails("R2", {{1, 2, 2}, {1, 3, 1}}, "must be [N,P,P]");
}
