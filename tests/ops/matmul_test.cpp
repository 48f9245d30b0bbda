#include "g2face/ops/matmul.hpp"

#include <doctest/doctest.h>

#include "evaluate.hpp"
#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("matmul: known product, with either operand transposed") {
  Bench b;
  const Tensor a = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6}), c = Tensor::from({3, 2}, {7, 8, 9, 10, 11, 12});
  const Value left = b.feed(a), right = b.feed(c);
  const Tensor want = Tensor::from({2, 2}, {58, 64, 139, 154}).to(DType::f64);
  CHECK(relative_error(b.run(matmul(left, right)), want) == 0);
  const Value left_t = transpose(left, {1, 0}), right_t = transpose(right, {1, 0});
  CHECK(relative_error(b.run(matmul(left_t, right, {.transpose_a = true})), want) == 0);
  CHECK(relative_error(b.run(matmul(left, right_t, {.transpose_b = true})), want) == 0);
  CHECK(relative_error(b.run(matmul(left_t, right_t, {.transpose_a = true, .transpose_b = true})), want) == 0);
}

TEST_CASE("matmul: gradients are adjoint") {
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const MatmulAttrs attrs{.transpose_a = ta, .transpose_b = tb};
      INFO(attrs.str());
      Bench b;
      const Value x = b.random(ta ? Shape{2, 3, 4, 5} : Shape{2, 3, 5, 4});
      const Value y = b.random(tb ? Shape{2, 3, 6, 4} : Shape{2, 3, 4, 6});
      const Value z = matmul(x, y, attrs);
      CHECK(z.shape() == Shape{2, 3, 5, 6});
      const Value dz = b.random(z.shape());
      const std::vector<Value> d = gradients(z, {x, y}, dz);
      const double want = b.number(sum(z * dz));
      CHECK(b.number(sum(x * d[0])) == doctest::Approx(want).epsilon(1e-12));
      CHECK(b.number(sum(y * d[1])) == doctest::Approx(want).epsilon(1e-12));
      const Value probe = b.random(x.shape());
      CHECK(relative_error(b.run(gradients(sum(d[0] * probe), {dz})[0]), b.run(matmul(probe, y, attrs))) < 1e-13);
    }
  }
}

TEST_CASE("matmul: forward and gradients") {
  const OpCheck c(matmul_op);
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const MatmulAttrs attrs{.transpose_a = ta, .transpose_b = tb};
      const auto check_sizes = [&](std::int64_t m, std::int64_t k, std::int64_t n) {
        c.ok({ta ? Shape{k, m} : Shape{m, k}, tb ? Shape{n, k} : Shape{k, n}}, attrs);
        c.ok({ta ? Shape{2, 3, k, m} : Shape{2, 3, m, k}, tb ? Shape{2, 3, n, k} : Shape{2, 3, k, n}}, attrs);
      };
      check_sizes(1, 1, 1);
      check_sizes(1, 33, 17);
      check_sizes(16, 16, 16);
      check_sizes(5, 3, 1);
      check_sizes(7, 31, 19);
    }
  }
  c.ok({{6, 6}}, [](const std::vector<Value>& v) { return matmul(v[0], v[0], {.transpose_b = true}); });
}

TEST_CASE("matmul: strict rounds the results of a few rows once") {
  for (const std::int64_t rows : {1, 8, 16}) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        Graph g;
        const Value a = g.input({DType::f32, ta ? Shape{512, rows} : Shape{rows, 512}}, "a");
        const Value b = g.input({DType::f32, tb ? Shape{300, 512} : Shape{512, 300}}, "b");
        const Value c = matmul(a, b, {.transpose_a = ta, .transpose_b = tb});
        const auto run = [&](const Device& device) {
          Executor e(plan(g, {c}, {.device = device, .precision = Precision::strict}));
          e.set(a, g2face::fill("matmul/a", a.shape()));
          e.set(b, g2face::fill("matmul/b", b.shape()));
          e.run();
          return e.get(c);
        };
        CHECK(relative_error(run(Device::cpu()), run(Device::reference())) < 4e-8);
      }
    }
  }
}

TEST_CASE("matmul: rules") {
  const OpCheck c(matmul_op, MatmulAttrs{});
  c.fails("R1", {{2, 3, 4}, {4, 5}}, "a f32[2,3,4] and b f32[4,5] must have the same rank");
  c.fails("R1", {{4}, {4}}, "at least 2");
  c.fails("R1", {{3, 4}, {{4, 5}, {}, DType::f64}}, "the same floating dtype");
  c.fails("R2", {{2, 3, 4}, {3, 4, 5}}, "a [2,3,4] and b [3,4,5] differ in leading axis 0: 2 and 3");
  c.fails("R3", {{2, 3, 4}, {2, 4, 5}}, MatmulAttrs{.transpose_b = true},
          "a [2,3,4] has inner extent 4, but b [2,4,5] transposed has 5");
  c.fails("R3", {{3, 4}, {4, 5}}, MatmulAttrs{.transpose_a = true}, "a [3,4] transposed has inner extent 3");
}
