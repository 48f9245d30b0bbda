#include "g2face/ops/pointwise_sums.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>

#include "cpu_step.hpp"
#include "kernels/cpu/layout.hpp"
#include "pointwise_instructions.hpp"

using namespace g2face;
using namespace g2face::testing;
using g2face::test::apply;

namespace {

/// x * a, of which sums are made, and x + b, which is stored.
PointwiseSumsAttrs settings(const Shape& shape, std::vector<int> axes) {
  return {{shape, {apply(Binary::mul, 0, 1), apply(Binary::add, 0, 2)}, {4}}, {{3, {std::move(axes), true}}}};
}

CpuCall call_of(const PointwiseSumsAttrs& a, const Tensor& x, int threads) {
  const Shape& s = a.pointwise.shape;
  const Layout native = cpu::native_layout();
  return {pointwise_sums_op,
          a,
          {x, random_tensor({s[0], s[1], 1, 1}, 2), random_tensor({s[1], 1, 1}, 3)},
          {native, Layout::nchw, Layout::nchw},
          {native, Layout::nchw},
          {},
          threads};
}

/// x + b, and the sums of x * a over the pixels of each image or of all.
std::vector<Tensor> by_hand(const std::vector<Tensor>& in, bool of_all) {
  const Shape& s = in[0].shape();
  Tensor stored(Type{DType::f64, s}), sums = Tensor::zeros({DType::f64, {of_all ? 1 : s[0], s[1], 1, 1}});
  const auto x = in[0].as<float>(), a = in[1].as<float>(), b = in[2].as<float>();
  const auto channels = static_cast<std::size_t>(s[1]), pixels = static_cast<std::size_t>(s[2] * s[3]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t plane = i / pixels, channel = plane % channels;
    stored.mutable_as<double>()[i] = double{x[i]} + double{b[channel]};
    sums.mutable_as<double>()[of_all ? channel : plane] += double{x[i]} * double{a[plane]};
  }
  return {stored, sums};
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("pointwise_sums on cpu: every instruction set, and the same bits whatever the number of threads") {
  for (const Shape& shape : {Shape{2, 32, 90, 61}, Shape{3, 144, 16, 16}, Shape{1, 16, 257, 129}}) {
    for (const std::vector<int>& axes : {std::vector{2, 3}, std::vector{0, 2, 3}}) {
      const PointwiseSumsAttrs a = settings(shape, axes);
      const Tensor x = random_tensor(shape, 1);
      for (const char* isa : all_isas) {
        const ScopedIsa scope(isa);
        INFO(isa, " ", shape);
        const CpuResult one = run_cpu(call_of(a, x, 1));
        CHECK(one.kernel.starts_with("pointwise_sums "));
        const std::vector<Tensor> want = by_hand(call_of(a, x, 1).in, axes.size() == 3);
        for (std::size_t i = 0; i < 2; ++i) CHECK(relative_error(one.out[i].to(DType::f64), want[i]) < 1e-6);
        for (const int threads : {2, 3, 5}) {
          const CpuResult more = run_cpu(call_of(a, x, threads));
          for (std::size_t i = 0; i < 2; ++i) CHECK(same_bits(more.out[i], one.out[i]));
        }
      }
    }
  }
}

TEST_CASE("pointwise_sums on cpu: a result may take the memory of an input, unless that is summed") {
  const Shape shape{2, 32, 33, 20};
  PointwiseSumsAttrs a = settings(shape, {2, 3});
  CpuCall call = call_of(a, random_tensor(shape, 1), 2);
  const CpuResult apart = run_cpu(call);
  call.in_place = true;
  const CpuResult in_place = run_cpu(call);
  for (std::size_t i = 0; i < 2; ++i) CHECK(same_bits(in_place.out[i], apart.out[i]));
  const auto offered = [&] {
    std::vector<TensorDesc> in, out{{{DType::f32, shape}, cpu::native_layout()}, {{DType::f32, {2, 32, 1, 1}}}};
    for (std::size_t i = 0; i < 3; ++i) in.push_back({call.in[i].type(), call.in_layouts[i]});
    const auto known = std::make_unique<bool[]>(3);
    return pointwise_sums_op.cpu(a, {in, out, {known.get(), 3}})->in_place.size();
  };
  CHECK(offered() == 1);
  a.sums[0].source = 0;  // x itself
  CHECK(offered() == 0);
}

TEST_CASE("pointwise_sums on cpu: an image gives the same sums alone and in a batch") {
  const Shape shape{3, 32, 40, 41};
  const Tensor x = random_tensor(shape, 1);
  const CpuResult batch = run_cpu(call_of(settings(shape, {2, 3}), x, 2));
  Tensor first(Type{DType::f32, shape.with(0, 1)});
  std::memcpy(first.mutable_data(), x.data(), first.bytes());
  CpuCall alone = call_of(settings(first.shape(), {2, 3}), first, 2);
  Tensor factors(Type{DType::f32, {1, 32, 1, 1}});
  const Tensor all = random_tensor({3, 32, 1, 1}, 2);
  std::memcpy(factors.mutable_data(), all.data(), factors.bytes());
  alone.in[1] = factors;
  const CpuResult one = run_cpu(alone);
  CHECK(std::memcmp(one.out[1].data(), batch.out[1].data(), one.out[1].bytes()) == 0);
}
