#include "g2face/ops/pointwise.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "cpu_step.hpp"
#include "kernels/cpu/layout.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

using Kind = PointwiseInstruction::Kind;

PointwiseInstruction un(Unary kind, int x, double a = 1, double b = 0) {
  return {Kind::unary, {kind, a, b}, Binary::add, {x}};
}
PointwiseInstruction bin(Binary kind, int x, int y) { return {Kind::binary, {}, kind, {x, y}}; }

PointwiseAttrs program(Shape shape, std::vector<PointwiseInstruction> p, std::vector<int> results) {
  PointwiseAttrs a;
  a.shape = shape;
  a.program = std::move(p);
  a.results = std::move(results);
  return a;
}

}  // namespace

TEST_CASE("pointwise on cpu: every unary function within 3e-7 where it is smooth") {
  const Shape shape = {5, 401};
  const Tensor x = random_tensor(shape, 1, 3), positive = [&] {
    Tensor t = random_tensor(shape, 2, 2);
    for (float& v : t.mutable_as<float>()) v = std::exp(3 * v);
    return t;
  }();
  for (const Unary kind :
       {Unary::affine, Unary::exp, Unary::square, Unary::abs, Unary::sign, Unary::sin, Unary::cos, Unary::tanh,
        Unary::sigmoid, Unary::softplus, Unary::leaky_relu, Unary::leaky_step, Unary::clamp, Unary::inside,
        Unary::round, Unary::log, Unary::sqrt, Unary::rsqrt, Unary::reciprocal}) {
    const bool needs_positive = kind == Unary::log || kind == Unary::sqrt || kind == Unary::rsqrt;
    const bool bounds = kind == Unary::clamp || kind == Unary::inside;
    for (const char* isa : all_isas) {
      const ScopedIsa scope(isa);
      check_cpu({pointwise_op,
                 program(shape, {un(kind, 0, bounds ? -0.5 : 0.3, bounds ? 0.75 : -1.5)}, {1}),
                 {needs_positive ? positive : x}},
                3e-7);
    }
  }
}

TEST_CASE("pointwise on cpu: elementary functions element by element, and at their limits") {
  // A norm over a tensor would hide errors of small values: compare each one.
  const std::int64_t n = 20000;
  Tensor x(Type{DType::f32, {n}});
  auto v = x.mutable_as<float>();
  for (std::int64_t i = 0; i < n; ++i) {
    v[static_cast<std::size_t>(i)] = -87.f + 175.f * static_cast<float>(i) / static_cast<float>(n - 1);
  }
  const auto worst = [&](Unary kind, const Tensor& at) {
    const Attrs a = program(at.shape(), {un(kind, 0)}, {1});
    const CpuResult got = run_cpu({pointwise_op, a, {at}});
    const Tensor want = run_reference(pointwise_op, a, {at})[0];
    double largest = 0;
    for (std::int64_t i = 0; i < at.numel(); ++i) {
      const double w = want.as<double>()[static_cast<std::size_t>(i)];
      const double g = static_cast<double>(got.out[0].as<float>()[static_cast<std::size_t>(i)]);
      largest = std::max(largest, std::fabs(g - w) / std::max(std::fabs(w), 1e-37));
    }
    return largest;
  };
  CHECK(worst(Unary::exp, x) < 2.5e-7);
  CHECK(worst(Unary::sigmoid, x) < 3e-7);
  CHECK(worst(Unary::softplus, x) < 4e-7);
  CHECK(worst(Unary::tanh, x) < 3e-7);
  Tensor positive(Type{DType::f32, {n}});
  for (std::int64_t i = 0; i < n; ++i) {
    positive.mutable_as<float>()[static_cast<std::size_t>(i)] = std::exp(v[static_cast<std::size_t>(i)]);
  }
  CHECK(worst(Unary::log, positive) < 3e-7);

  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor edge = Tensor::from({8}, {inf, -inf, nan, 0.f, -0.f, 1e-40f, 1000.f, -1000.f});
  const auto values = [&](Unary kind) {
    const Tensor t = run_cpu({pointwise_op, program({8}, {un(kind, 0)}, {1}), {edge}}).out[0];
    return std::vector<float>(t.as<float>().begin(), t.as<float>().end());
  };
  const auto e = values(Unary::exp);
  CHECK((e[0] == inf && e[1] == 0.f && std::isnan(e[2]) && e[3] == 1.f && e[6] == inf && e[7] == 0.f));
  const auto l = values(Unary::log);
  CHECK((l[0] == inf && std::isnan(l[1]) && std::isnan(l[2]) && l[3] == -inf && l[4] == -inf && std::isnan(l[7])));
  CHECK(l[5] == doctest::Approx(-92.1034).epsilon(1e-6));
  const auto s = values(Unary::sigmoid);
  CHECK((s[0] == 1.f && s[1] == 0.f && std::isnan(s[2]) && s[3] == 0.5f && s[6] == 1.f && s[7] == 0.f));
  const auto t = values(Unary::tanh);
  CHECK((t[0] == 1.f && t[1] == -1.f && std::isnan(t[2]) && t[3] == 0.f && t[6] == 1.f && t[7] == -1.f));
  const auto p = values(Unary::softplus);
  CHECK((p[0] == inf && p[1] == 0.f && std::isnan(p[2]) && p[6] == 1000.f && p[7] == 0.f));
}

TEST_CASE("pointwise on cpu: every binary function and select") {
  const Shape shape = {3, 5, 7};
  Tensor x = random_tensor(shape, 1);
  const Tensor y = random_tensor(shape, 2);
  x.mutable_as<float>()[4] = y.as<float>()[4];
  for (const Binary kind : {Binary::add, Binary::sub, Binary::mul, Binary::div, Binary::maximum, Binary::minimum,
                            Binary::greater, Binary::equal}) {
    check_cpu({pointwise_op, program(shape, {bin(kind, 0, 1)}, {2}), {x, y}}, 1e-7);
  }
  PointwiseInstruction choose;
  choose.kind = Kind::select;
  choose.source = {3, 1, 2};
  check_cpu(
      {pointwise_op, program(shape, {bin(Binary::greater, 0, 1), choose}, {4}), {x, y, Tensor::scalar(2).reshape({1})}},
      1e-7);
}

TEST_CASE("pointwise on cpu: every kind of broadcast, row-major and blocked, 1 to 3 threads") {
  const Layout native = cpu::native_layout();
  for (const Shape& shape : {Shape{1, 32, 3, 5}, Shape{2, 48, 17, 33}, Shape{3, 16, 1, 1}, Shape{2, 512, 4, 4}}) {
    const std::int64_t n = shape[0], c = shape[1], h = shape[2], w = shape[3];
    const std::vector<Shape> others = {shape,        {},           {1, c, 1, 1}, {n, c, 1, 1}, {n, 1, h, w},
                                       {1, 1, h, w}, {1, c, h, w}, {n, 1, 1, 1}, {1, 1, 1, w}, {1, 1, h, 1},
                                       {c, 1, 1},    {w},          {h, w},       {1, c, 1, w}, {n, c, h, 1}};
    for (const Shape& other : others) {
      const Attrs a =
          program(shape, {bin(Binary::sub, 0, 1), un(Unary::leaky_relu, 2, 0.2), bin(Binary::mul, 3, 1)}, {4});
      const std::vector<Tensor> in = {random_tensor(shape, 1), random_tensor(other, 2)};
      const std::vector<Type> types = types_of(in);
      for (const LayoutChoice& layouts : pointwise_op.cpu_layouts(a, types, pointwise_op.infer(a, types))) {
        for (const int threads : {1, 2, 3}) {
          check_cpu({pointwise_op, a, in, layouts.in, layouts.out, {}, threads}, 1e-7);
          check_cpu({pointwise_op, a, in, layouts.in, layouts.out, {}, threads, Precision::strict, true}, 1e-7);
        }
      }
    }
    CHECK(pointwise_op
              .cpu_layouts(program(shape, {un(Unary::exp, 0)}, {1}), std::vector<Type>{{DType::f32, shape}},
                           std::vector<Type>{{DType::f32, shape}})[0]
              .in[0] == native);
  }
}

TEST_CASE("pointwise on cpu: other ranks broadcast too") {
  const std::vector<std::vector<Shape>> shapes = {{{7}, {7}, {1}},
                                                  {{}, {}, {}},
                                                  {{6, 1, 5}, {1, 4, 5}, {4, 1}},
                                                  {{2, 3, 1, 5, 2}, {3, 4, 1, 2}, {2, 1, 1, 1, 1}},
                                                  {{1, 1, 3000}, {2, 2, 1}, {3000}},
                                                  {{0, 4}, {1, 4}, {4}}};
  for (const auto& s : shapes) {
    const Shape all = broadcast_shapes(broadcast_shapes(s[0], s[1]), s[2]);
    check_cpu({pointwise_op,
               program(all, {bin(Binary::mul, 0, 1), bin(Binary::add, 3, 2), un(Unary::tanh, 4)}, {5}),
               {random_tensor(s[0], 1), random_tensor(s[1], 2), random_tensor(s[2], 3)}},
              1e-6);
  }
}

TEST_CASE("pointwise on cpu: several results, results that are used again, inputs and results given twice") {
  const Shape shape = {2, 16, 9, 11};
  const Attrs a = program(
      shape,
      {bin(Binary::sub, 0, 1), un(Unary::square, 3), bin(Binary::mul, 4, 2), bin(Binary::add, 5, 3), un(Unary::exp, 6)},
      {4, 7, 3, 4, 0});
  const std::vector<Tensor> in = {random_tensor(shape, 1), random_tensor({2, 16, 1, 1}, 2), random_tensor(shape, 3)};
  check_cpu({pointwise_op, a, in}, 1e-6);
  const CpuResult r = run_cpu({pointwise_op, a, in});
  CHECK(relative_error(r.out[0], r.out[3]) == 0);
  CHECK(relative_error(r.out[4], in[0]) == 0);
}

TEST_CASE("pointwise on cpu: memory is reused only for inputs that are read before the result is written") {
  const Shape shape = {64};
  const auto in_place = [&](const PointwiseAttrs& a, int inputs) {
    std::vector<TensorDesc> in(static_cast<std::size_t>(inputs), {{DType::f32, shape}, Layout::nchw});
    const std::vector<TensorDesc> out(a.results.size(), in[0]);
    const auto known = std::make_unique<bool[]>(in.size());
    return pointwise_op.cpu(a, {in, out, {known.get(), in.size()}})->in_place;
  };
  CHECK(in_place(program(shape, {bin(Binary::add, 0, 1)}, {2}), 2) == std::vector<InPlace>{{0}, {1}});
  // Result 0 is written first, then input 1 is read.
  CHECK(in_place(program(shape, {un(Unary::exp, 0), bin(Binary::add, 2, 1)}, {2, 3}), 2) == std::vector<InPlace>{{0}});
  CHECK(in_place(program(shape, {un(Unary::exp, 0)}, {1, 0}), 1).empty());
}
