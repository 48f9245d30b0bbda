// Each way of multiplying matrices on CUDA, as plans choose it.

#include "g2face/ops/matmul.hpp"

#include <array>
#include <cmath>

#include "cuda/kernel_check.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face::test {
namespace {

struct Case {
  std::int64_t m, n, k;
  MatmulAttrs attrs = {};
  bool known = false;  // b is a parameter
  std::int64_t batch = 0;

  Shape shape(std::int64_t rows, std::int64_t columns, bool transposed) const {
    if (transposed) std::swap(rows, columns);
    return batch > 0 ? Shape{batch, rows, columns} : Shape{rows, columns};
  }
};

/// c on a device, and the kernel that made it.
struct Made {
  Tensor c;
  std::string kernel;
};

Made multiply(const Case& t, const Tensor& a, const Tensor& b, const PlanOptions& options) {
  Graph g;
  Parameters parameters;
  const Value x = g.input(a.type(), "a"), y = t.known ? g.parameter(b.type(), "b") : g.input(b.type(), "b");
  if (t.known) parameters.set("b", b);
  const Value z = matmul(x, y, t.attrs);
  Executor run(plan(g, {z}, options), &parameters);
  run.set(x, a);
  if (!t.known) run.set(y, b);
  run.run();
  return {run.get(z), run.plan().kernels().at(0)};
}

/// On CUDA, the same in every order of threads.
Made multiply_on_cuda(const Case& t, const Tensor& a, const Tensor& b, Precision precision = Precision::strict) {
  std::optional<Made> first;
  for_each_schedule([&] {
    const Made made = multiply(t, a, b, {.device = Device::cuda(), .precision = precision});
    if (!first) first = made;
    CHECK(std::memcmp(made.c.data(), first->c.data(), made.c.bytes()) == 0);
  });
  return *first;
}

void check_case(const Case& t, std::string_view kernel) {
  CAPTURE(t.m);
  CAPTURE(t.n);
  CAPTURE(t.k);
  CAPTURE(t.attrs.str());
  const Tensor a = varied(t.shape(t.m, t.k, t.attrs.transpose_a), 1);
  const Tensor b = varied(t.shape(t.k, t.n, t.attrs.transpose_b), 2);
  const Made made = multiply_on_cuda(t, a, b);
  CHECK(made.kernel == kernel);
  CHECK(relative_error(made.c, multiply(t, a, b, {.device = Device::reference()}).c) < 1e-6);
  if (kernel != "matmul cuda:tiled") return;
  const Made in_double = multiply_on_cuda(t, a.to(DType::f64), b.to(DType::f64));
  CHECK(relative_error(in_double.c, multiply(t, a, b, {.device = Device::reference()}).c) < 1e-14);
}

constexpr MatmulAttrs plain{}, b_transposed{.transpose_b = true}, a_transposed{.transpose_a = true},
    both_transposed{.transpose_a = true, .transpose_b = true};

TEST_CASE("matmul on CUDA: tiles, with and without tails") {
  for (const MatmulAttrs& attrs : {plain, b_transposed, a_transposed, both_transposed}) {
    check_case({64, 64, 16, attrs}, "matmul cuda:tiled");
    check_case({67, 70, 37, attrs}, "matmul cuda:tiled");
    check_case({17, 4, 1, attrs, false, 3}, "matmul cuda:tiled");
  }
}

TEST_CASE("matmul on CUDA: few rows against the rows of b") {
  for (const MatmulAttrs& attrs : {b_transposed, both_transposed}) {
    check_case({1, 5, 129, attrs}, "matmul cuda:rows");
    check_case({3, 4, 31, attrs, false, 2}, "matmul cuda:rows");
    check_case({16, 9, 300, attrs, true}, "matmul cuda:rows");
  }
  check_case({2, 7, 1800, b_transposed}, "matmul cuda:rows");
  check_case({5, 33, 40, plain, true, 2}, "matmul cuda:rows");          // packed as rows
  check_case({2, 3, 12300, b_transposed}, "matmul cuda:rows split:2");  // each warp has its four turns
}

TEST_CASE("matmul on CUDA: few rows and columns of b that are not known at load") {
  check_case({1, 130, 9, plain}, "matmul cuda:columns");
  check_case({4, 5, 3, plain, false, 2}, "matmul cuda:columns");
  check_case({9, 129, 70, a_transposed}, "matmul cuda:columns split:2");
}

TEST_CASE("matmul on CUDA: a batch gives what its members give alone") {
  const Case all{16, 6, 1700, b_transposed}, one{1, 6, 1700, b_transposed};
  const Tensor a = varied({16, 1700}, 1), b = varied({6, 1700}, 2);
  const Tensor c = multiply_on_cuda(all, a, b).c;
  for (const std::int64_t i : {0, 7, 15}) {
    const auto at = static_cast<std::size_t>(i);
    const Tensor row = Tensor::from({1, 1700}, a.as<float>().subspan(at * 1700, 1700));
    CHECK(std::memcmp(multiply_on_cuda(one, row, b).c.data(), c.as<float>().data() + at * 6, 6 * sizeof(float)) == 0);
  }
}

/// Small integers, whose products and sums are exact in every precision.
Tensor integers(const Shape& shape, unsigned seed) {
  Tensor t = varied(shape, seed);
  for (float& v : t.mutable_as<float>()) v = std::round(4 * v);
  return t;
}

TEST_CASE("matmul on CUDA: large weights are stored in 16 bits") {
  constexpr std::int64_t n = 257, k = 4100;
  for (const auto& [precision, attrs, kernel] : {std::tuple(Precision::bf16, b_transposed, "matmul cuda:rows:bf16"),
                                                 std::tuple(Precision::f16, plain, "matmul cuda:rows:f16"),
                                                 std::tuple(Precision::tf32, plain, "matmul cuda:rows")}) {
    const Case t{2, n, k, attrs, true};
    const Tensor a = integers({2, k}, 1), b = integers(t.shape(k, n, attrs.transpose_b), 2);
    const Made made = multiply(t, a, b, {.device = Device::cuda(), .precision = precision});
    CHECK(made.kernel == kernel);
    CHECK(relative_error(made.c, multiply(t, a, b, {.device = Device::cpu()}).c) == 0);
  }
}

TEST_CASE("matmul on CUDA: every candidate") {
  for (const MatmulAttrs& attrs : {plain, b_transposed, a_transposed, both_transposed}) {
    for (const Case& t : {Case{5, 7, 37, attrs}, Case{3, 4, 20, attrs, false, 2}, Case{33, 6, 17, attrs}}) {
      for (const Precision precision : {Precision::strict, Precision::fast, Precision::tf32, Precision::bf16}) {
        const Tensor a = varied(t.shape(t.m, t.k, attrs.transpose_a), 1);
        const Tensor b = varied(t.shape(t.k, t.n, attrs.transpose_b), 2);
        const Tensor want = multiply(t, a, b, {.device = Device::reference()}).c;
        const TensorDesc in[] = {{a.type()}, {b.type()}}, out{{DType::f32, want.shape()}};
        const bool known[] = {false, false};
        const Signature s{in, {&out, 1}, known, precision};
        const std::vector<Step> all = matmul_op.cuda_others(attrs, s);
#ifdef G2FACE_CUDA_EMULATED
        CHECK(all.size() >= 2);
#endif
        for (const Step& step : all) {
          INFO(step.kernel, " ", t.m, "x", t.n, "x", t.k, " ", attrs.str(), " ", name_of(precision));
          const Tensor c = run_step(step, std::array{a, b}, Tensor::full(out.type, -1e30));
          const bool f32 = precision == Precision::strict || precision == Precision::fast;
          CHECK(relative_error(c, want) < (f32 ? 1e-6 : 8e-4));  // tf32 rounds its factors to 2^-11
        }
      }
    }
  }
}

}  // namespace
}  // namespace g2face::test
