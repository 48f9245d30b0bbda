// Ops that move elements: exact in every layout they offer, for every size of element.
#include <doctest/doctest.h>

#include "cpu_step.hpp"
#include "g2face/ops.hpp"
#include "kernels/cpu/layout.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

void check_exact(const OpDef& op, const Attrs& a, const std::vector<Tensor>& in) {
  const std::vector<Type> types = types_of(in);
  std::vector<LayoutChoice> choices = {{}};
  if (op.cpu_layouts != nullptr) choices = op.cpu_layouts(a, types, op.infer(a, types));
  for (const LayoutChoice& layouts : choices) {
    for (const int threads : {1, 3}) {
      for (const DType dtype : {DType::f32, DType::i64, DType::f16, DType::u8}) {
        std::vector<Tensor> cast;
        for (const Tensor& t : in) cast.push_back(t.to(dtype));
        check_cpu({op, a, cast, layouts.in, layouts.out, {}, threads}, 0);
      }
    }
  }
}

Tensor numbers(const Shape& shape, unsigned seed) { return random_tensor(shape, seed, 40, 100); }

}  // namespace

TEST_CASE("concat, slice and pad on cpu") {
  for (int axis = 0; axis < 4; ++axis) {
    const Shape shape = {2, 32, 3, 5};
    check_exact(concat_op, ConcatAttrs{axis},
                {numbers(shape, 1), numbers(shape.with(axis, 16), 2), numbers(shape.with(axis, 48), 3)});
  }
  check_exact(concat_op, ConcatAttrs{1}, {numbers({2, 32, 40, 70}, 1), numbers({2, 16, 40, 70}, 2)});
  check_exact(concat_op, ConcatAttrs{1}, {numbers({2, 3, 4, 4}, 1), numbers({2, 1, 4, 4}, 2)});
  check_exact(concat_op, ConcatAttrs{0}, {numbers({3}, 1), numbers({2}, 2)});
  check_exact(slice_op, SliceAttrs{{0, 16, 1, 2}, {2, 32, 2, 3}}, {numbers({2, 64, 4, 6}, 1)});
  check_exact(slice_op, SliceAttrs{{1, 3, 0, 5}, {1, 20, 4, 1}}, {numbers({2, 64, 4, 6}, 1)});
  check_exact(slice_op, SliceAttrs{{1, 16, 2, 5}, {1, 16, 1, 1}}, {numbers({2, 64, 4, 6}, 1)});
  check_exact(slice_op, SliceAttrs{{3}, {4}}, {numbers({9}, 1)});
  check_exact(pad_op, PadAttrs{{0, 16, 1, 2}, {1, 32, 2, 0}}, {numbers({2, 16, 4, 6}, 1)});
  check_exact(pad_op, PadAttrs{{0, 0, 1, 2}, {0, 0, 2, 0}}, {numbers({2, 16, 1, 1}, 1)});
  check_exact(pad_op, PadAttrs{{0, 1, 1, 2}, {1, 3, 2, 0}}, {numbers({2, 3, 4, 6}, 1)});
}

TEST_CASE("transpose, broadcast, reshape and gather on cpu") {
  for (const std::vector<int>& order : {std::vector<int>{0, 2, 3, 1}, {3, 2, 1, 0}, {1, 0, 2, 3}, {0, 1, 2, 3}}) {
    check_exact(transpose_op, TransposeAttrs{order}, {numbers({2, 37, 41, 5}, 1)});
  }
  check_exact(transpose_op, TransposeAttrs{{1, 0}}, {numbers({130, 257}, 1)});
  check_exact(broadcast_op, BroadcastAttrs{{2, 32, 5, 7}}, {numbers({1, 32, 1, 1}, 1)});
  check_exact(broadcast_op, BroadcastAttrs{{2, 32, 5, 7}}, {numbers({2, 32, 5, 1}, 1)});
  check_exact(broadcast_op, BroadcastAttrs{{2, 32, 5, 7}}, {numbers({2, 1, 5, 7}, 1)});
  check_exact(broadcast_op, BroadcastAttrs{{2, 32, 5, 7}}, {numbers({7}, 1)});
  check_exact(broadcast_op, BroadcastAttrs{{4, 3}}, {numbers({}, 1)});
  check_exact(reshape_op, ReshapeAttrs{{6, 4}}, {numbers({2, 3, 4}, 1)});
  for (int axis = 0; axis < 4; ++axis) {
    check_exact(gather_op, GatherAttrs{axis, {2, 0, 1, 1, 2}, 3}, {numbers(Shape{2, 16, 6, 5}.with(axis, 3), 1)});
  }
  check_exact(gather_op, GatherAttrs{0, {4, 4, 1}, 6}, {numbers({6}, 1)});
}

TEST_CASE("gather_grad on cpu adds up repeated slices") {
  for (int axis = 0; axis < 4; ++axis) {
    for (const Layout layout : {Layout::nchw, cpu::native_layout()}) {
      if (axis == 1 && layout != Layout::nchw) continue;
      const GatherAttrs a{axis, {2, 0, 2, 1, 2}, 16};
      check_cpu({gather_grad_op, a, {random_tensor(Shape{2, 16, 6, 35}.with(axis, 5), 1)}, {layout}, {layout}}, 1e-7);
    }
  }
}

TEST_CASE("cast on cpu: all pairs of dtypes") {
  const Tensor x = random_tensor({2, 16, 3, 400}, 1, 50, 60);
  for (const DType from : {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8}) {
    for (const DType to : {DType::f64, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8, DType::f32}) {
      for (const Layout layout : {Layout::nchw, cpu::native_layout()}) {
        check_cpu({cast_op, CastAttrs{to}, {x.to(from)}, {layout}, {layout}, {}, 3}, to == DType::f32 ? 1e-7 : 0);
      }
    }
  }
}

TEST_CASE("max_pool2d and its gradients on cpu, with ties") {
  for (const Pool2dAttrs& a : {Pool2dAttrs{}, Pool2dAttrs{{3, 3}, {2, 2}, {1, 1}}, Pool2dAttrs{{3, 2}, {1, 2}, {0, 1}},
                               Pool2dAttrs{{3, 3}, {2, 2}, {0, 0}, true}}) {
    for (const Shape& shape : {Shape{2, 32, 9, 8}, Shape{1, 3, 7, 30}, Shape{1, 16, 40, 41}}) {
      Tensor x = random_tensor(shape, 1, 2);
      for (float& v : x.mutable_as<float>()) v = std::round(v);
      const std::vector<Type> types = {x.type()};
      const Types pooled = max_pool2d_op.infer(a, types);
      const Tensor dy = random_tensor(pooled[0].shape, 2), g = random_tensor(shape, 3);
      for (const LayoutChoice& l : max_pool2d_op.cpu_layouts(a, types, pooled)) {
        const std::vector<Layout> two = {l.in[0], l.in[0]};
        check_cpu({max_pool2d_op, a, {x}, l.in, l.out}, 0);
        check_cpu({max_pool2d_grad_op, a, {x, dy}, two, l.out}, 2e-7);
        check_cpu({max_pool2d_pick_op, a, {x, g}, two, l.out}, 0);
      }
    }
  }
}

TEST_CASE("bits on cpu: there and back, and the values that floats do not have") {
  const Tensor x = random_tensor({3, 50}, 1, 20);
  check_cpu({float_to_bits_op, NoAttrs{}, {x}}, 0);
  const Tensor bits = run_cpu({float_to_bits_op, NoAttrs{}, {x}}).out[0];
  CHECK(relative_error(run_cpu({bits_to_float_op, BitsAttrs{}, {bits}}).out[0], x) == 0);
  const Tensor logits = random_tensor({40, 32}, 3);
  for (const double limit : {0.0, 50.0}) {
    const CpuResult got = run_cpu({bits_to_float_op, BitsAttrs{limit}, {logits}});
    const Tensor want = run_reference(bits_to_float_op, BitsAttrs{limit}, {logits})[0].to(DType::f32);
    CHECK(std::memcmp(got.out[0].data(), want.data(), want.bytes()) == 0);
  }
  Tensor special = Tensor::zeros({DType::f32, {2, 32}});
  for (std::size_t k = 0; k <= 8; ++k) special.mutable_as<float>()[32 + k] = 1;
  const auto values = run_cpu({bits_to_float_op, BitsAttrs{}, {special}}).out[0];
  CHECK(values.as<float>()[0] == 0x1p-127f);
  CHECK(values.as<float>()[1] == -std::numeric_limits<float>::infinity());
}

TEST_CASE("random on cpu: the reference's numbers, whatever the length and the threads") {
  Tensor seed = Tensor::zeros({DType::i64, {1}});
  for (const std::int64_t s : {std::int64_t{0}, std::int64_t{7}, std::int64_t{0x1234567890abc}}) {
    seed.mutable_as<std::int64_t>()[0] = s;
    for (const Shape& shape : {Shape{1}, Shape{63}, Shape{3, 65}, Shape{1, 1, 256, 256}}) {
      for (const int threads : {1, 3}) {
        const ScopedIsa scope(all_isas[shape.numel() % 3]);
        const RandomAttrs a{shape, random_stream("noise")};
        const CpuResult got = run_cpu({random_op, a, {seed}, {}, {}, {}, threads});
        const Tensor want = run_reference(random_op, a, {seed})[0];
        double worst = 0;
        for (std::size_t i = 0; i < static_cast<std::size_t>(shape.numel()); ++i) {
          const double w = want.as<double>()[i];
          worst = std::max(worst, std::fabs(static_cast<double>(got.out[0].as<float>()[i]) - w) / std::fabs(w));
        }
        CHECK(worst < 6e-7);
      }
    }
  }
  seed.mutable_as<std::int64_t>()[0] = -1;
  CHECK_THROWS_AS(run_cpu({random_op, RandomAttrs{{4}, 1}, {seed}}), Error);
}
