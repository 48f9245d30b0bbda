#include "g2face/ops/moments.hpp"

#include <doctest/doctest.h>

#include "cpu_step.hpp"
#include "kernels/cpu/layout.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

/// Mean and rstd by the definition, in double.
std::vector<Tensor> expected(const Tensor& x, const MomentsAttrs& a) {
  const std::vector<Type> types = {x.type()};
  const Shape reduced = moments_op.infer(a, types)[0].shape;
  const auto v = x.as<float>();
  std::vector<double> sum(static_cast<std::size_t>(reduced.numel())), squares(sum.size());
  std::vector<std::size_t> owner;  // of each element of x
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    std::int64_t rest = i, at = 0, step = 1;
    for (int axis = x.shape().rank(); axis-- > 0;) {
      if (reduced[axis] > 1) {
        at += rest % x.shape()[axis] * step;
        step *= reduced[axis];
      }
      rest /= x.shape()[axis];
    }
    owner.push_back(static_cast<std::size_t>(at));
    sum[owner.back()] += static_cast<double>(v[static_cast<std::size_t>(i)]);
  }
  const double count = static_cast<double>(x.numel() / reduced.numel());
  for (std::size_t i = 0; i < owner.size(); ++i) {
    const double d = static_cast<double>(v[i]) - sum[owner[i]] / count;
    squares[owner[i]] += d * d;
  }
  std::vector<Tensor> out = {Tensor::zeros({DType::f64, reduced}), Tensor::zeros({DType::f64, reduced})};
  for (std::size_t i = 0; i < sum.size(); ++i) {
    out[0].mutable_as<double>()[i] = sum[i] / count;
    out[1].mutable_as<double>()[i] = 1 / std::sqrt(squares[i] / count + a.eps);
  }
  return out;
}

void check_moments(const Tensor& x, std::vector<int> axes, Layout layout, int threads) {
  const MomentsAttrs a{.axes = std::move(axes)};
  const CpuResult got = run_cpu({moments_op, a, {x}, {layout}, {}, {}, threads});
  const std::vector<Tensor> want = expected(x, a);
  INFO(x.shape(), " ", a.str(), " ", layout);
  CHECK(relative_error(got.out[0].to(DType::f64), want[0]) < 2e-7);
  CHECK(relative_error(got.out[1].to(DType::f64), want[1]) < 5e-7);
}

}  // namespace

TEST_CASE("moments on cpu: of instances and of batches, row-major and blocked, 1 to 3 threads, far from zero") {
  const Layout native = cpu::native_layout();
  for (const Shape& shape : {Shape{2, 32, 5, 7}, Shape{3, 16, 1, 1}, Shape{1, 48, 70, 61}, Shape{2, 3, 90, 91}}) {
    const Tensor x = random_tensor(shape, 1, 1.5f, 20.f);
    for (const int threads : {1, 2, 3}) {
      check_moments(x, {2, 3}, Layout::nchw, threads);
      check_moments(x, {0, 2, 3}, Layout::nchw, threads);
      if (!cpu::fits(shape, native)) continue;
      check_moments(x, {2, 3}, native, threads);
      check_moments(x, {0, 2, 3}, native, threads);
    }
  }
  for (const char* isa : all_isas) {
    const ScopedIsa scope(isa);
    check_moments(random_tensor({2, 32, 9, 11}, 1, 1, 3), {2, 3}, cpu::native_layout(), 2);
  }
  check_moments(random_tensor({4, 5, 6}, 1, 1, 3), {1, 2}, Layout::nchw, 2);
  check_moments(random_tensor({7, 9}, 1, 1, 3), {1}, Layout::nchw, 2);
  check_moments(random_tensor({700}, 1, 1, 3), {0}, Layout::nchw, 2);
}

TEST_CASE("moments on cpu: small spread on a large mean does not cancel, and threads do not change a bit") {
  Tensor x = random_tensor({1, 16, 64, 64}, 1, 0.01f, 1000.f);
  const MomentsAttrs a{.axes = {2, 3}, .eps = 0};
  const CpuResult one = run_cpu({moments_op, a, {x}, {}, {}, {}, 1}),
                  three = run_cpu({moments_op, a, {x}, {}, {}, {}, 3});
  CHECK(relative_error(one.out[1].to(DType::f64), expected(x, a)[1]) < 1e-4);
  CHECK(relative_error(one.out[0], three.out[0]) == 0);
  CHECK(relative_error(one.out[1], three.out[1]) == 0);
}

TEST_CASE("moments on cpu: other axes are left to the formula") {
  const std::vector<TensorDesc> in = {{{DType::f32, {2, 3, 4, 5}}, Layout::nchw}};
  for (const std::vector<int>& axes : {std::vector<int>{1}, {0}, {1, 3}, {0, 3}}) {
    const MomentsAttrs a{.axes = axes};
    const Types out_types = moments_op.infer(a, std::vector<Type>{in[0].type});
    const std::vector<TensorDesc> out = {{out_types[0], Layout::nchw}, {out_types[1], Layout::nchw}};
    const bool known = false;
    const bool declined = !moments_op.cpu(a, {in, out, {&known, 1}}).has_value();
    const bool has_tail = axes.back() == 3 && axes == std::vector<int>{0, 3};
    CHECK(declined != has_tail);
  }
}
