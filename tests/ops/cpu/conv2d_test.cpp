#include "g2face/ops/conv2d.hpp"

#include <doctest/doctest.h>

#include "cpu_step.hpp"
#include "kernels/cpu/layout.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

struct Case {
  std::int64_t n, c, h, w, o, kernel, stride, pad, groups = 1;
};

Conv2dAttrs attrs_of(const Case& k) {
  Conv2dAttrs a;
  a.stride = {k.stride, k.stride};
  a.pad = {k.pad, k.pad};
  a.groups = k.groups;
  a.kernel = {k.kernel, k.kernel};
  a.input = {k.h, k.w};
  return a;
}

Tensor image_of(const Case& k) { return random_tensor({k.n, k.c, k.h, k.w}, 1); }
Tensor weight_of(const Case& k) { return random_tensor({k.o, k.c / k.groups, k.kernel, k.kernel}, 2); }
Tensor result_of(const Case& k) {
  const std::int64_t h = (k.h + 2 * k.pad - k.kernel) / k.stride + 1, w = (k.w + 2 * k.pad - k.kernel) / k.stride + 1;
  return random_tensor({k.n, k.o, h, w}, 3);
}

const std::vector<Case> cases = {
    {1, 32, 9, 7, 16, 3, 1, 1},  {2, 16, 8, 8, 32, 4, 2, 1}, {1, 3, 11, 13, 32, 3, 1, 1}, {1, 32, 5, 6, 3, 1, 1, 0},
    {2, 48, 4, 5, 16, 1, 1, 0},  {1, 5, 7, 7, 9, 3, 2, 1},   {2, 17, 4, 4, 16, 3, 1, 1},  {1, 32, 9, 9, 32, 3, 1, 1, 2},
    {1, 8, 6, 6, 8, 3, 1, 1, 8}, {1, 16, 1, 1, 16, 1, 1, 0}, {1, 3, 16, 16, 16, 7, 2, 3}, {1, 16, 6, 5, 1, 3, 1, 1},
};

std::vector<LayoutChoice> choices(const OpDef& op, const Attrs& a, const std::vector<Tensor>& in) {
  const std::vector<Type> types = types_of(in);
  return op.cpu_layouts(a, types, op.infer(a, types));
}

}  // namespace

TEST_CASE("conv2d on cpu: every layout it offers, packed and unpacked weights, 1 to 3 threads") {
  for (const Case& k : cases) {
    const Attrs a = attrs_of(k);
    const std::vector<Tensor> in = {image_of(k), weight_of(k)};
    for (const LayoutChoice& layouts : choices(conv2d_op, a, in)) {
      for (const bool known : {false, true}) {
        for (const int threads : {1, 2, 3}) {
          check_cpu({conv2d_op, a, in, layouts.in, layouts.out, {false, known}, threads}, 1e-6);
        }
      }
    }
  }
}

TEST_CASE("conv2d_input_grad and conv2d_weight_grad on cpu: every layout they offer") {
  for (const Case& k : cases) {
    const Attrs a = attrs_of(k);
    const std::vector<Tensor> for_x = {result_of(k), weight_of(k)}, for_w = {image_of(k), result_of(k)};
    for (const LayoutChoice& layouts : choices(conv2d_input_grad_op, a, for_x)) {
      check_cpu({conv2d_input_grad_op, a, for_x, layouts.in, layouts.out, {false, true}}, 1e-6);
      check_cpu({conv2d_input_grad_op, a, for_x, layouts.in, layouts.out, {false, false}, 1}, 1e-6);
    }
    for (const LayoutChoice& layouts : choices(conv2d_weight_grad_op, a, for_w)) {
      check_cpu({conv2d_weight_grad_op, a, for_w, layouts.in, layouts.out}, 1e-6);
    }
  }
}

TEST_CASE("conv2d on cpu: 1x1 with one to four outputs from blocks, for each instruction set") {
  for (const char* isa : all_isas) {
    const ScopedIsa scope(isa);
    for (const std::int64_t o : {1, 2, 3, 4, 5}) {
      for (const std::int64_t c : {16, 112}) {
        const Case k = {2, c, 9, 7, o, 1, 1, 0};
        const std::string kernel =
            check_cpu({conv2d_op, attrs_of(k), {image_of(k), weight_of(k)}, {cpu::native_layout()}}, 4e-7);
        CHECK((kernel.find("few_outputs") != std::string::npos) == (o <= 4));
      }
    }
  }
}

TEST_CASE("conv2d on cpu: strict is direct, fast may be Winograd and errs a little more, bf16 rounds its operands") {
  const Case k = {1, 64, 12, 9, 64, 3, 1, 1};
  const Attrs a = attrs_of(k);
  const Layout native = cpu::native_layout();
  CpuCall call{conv2d_op, a, {image_of(k), weight_of(k)}, {native}, {native}, {false, true}};
  const std::string strict = check_cpu(call, 6e-7);
  CHECK(strict.find("wino") == std::string::npos);
  call.precision = Precision::fast;
  const std::string fast = check_cpu(call, 5e-6);
  if (cpu::best_isa() == cpu::Isa::avx512) CHECK(fast.find("wino") != std::string::npos);
  call.precision = Precision::bf16;
  check_cpu(call, 5e-3);
}

TEST_CASE("large convolutions on cpu in bf16 stay near those in f32, and all or none of the three use it") {
  const Case k = {1, 128, 64, 64, 64, 4, 2, 1};
  const Attrs a = attrs_of(k);
  const Layout native = cpu::native_layout();
  int used = 0;
  for (CpuCall call : {CpuCall{conv2d_op, a, {image_of(k), weight_of(k)}, {native}, {native}, {false, true}},
                       CpuCall{conv2d_input_grad_op, a, {result_of(k), weight_of(k)}, {native}, {native}},
                       CpuCall{conv2d_weight_grad_op, a, {image_of(k), result_of(k)}, {native, native}}}) {
    const CpuResult strict = run_cpu(call);
    call.precision = Precision::bf16;
    const CpuResult rounded = run_cpu(call);
    const bool is_bf16 = rounded.kernel.find("bf16") != std::string::npos;
    used += is_bf16 ? 1 : 0;
    INFO(strict.kernel, " ", rounded.kernel);
    CHECK(strict.kernel.find("bf16") == std::string::npos);
    CHECK(relative_error(rounded.out[0], strict.out[0]) < (is_bf16 ? 5e-3 : 2e-6));
  }
  CHECK((used == 0 || used == 3));
}

TEST_CASE("conv2d on cpu gives the same bits again") {
  const Case k = {1, 64, 33, 31, 64, 3, 1, 1};
  const Attrs a = attrs_of(k);
  const Layout native = cpu::native_layout();
  const CpuCall call{conv2d_op, a, {image_of(k), weight_of(k)}, {native}, {native}, {false, true}, 2, Precision::fast};
  const CpuResult first = run_cpu(call), second = run_cpu(call);
  CHECK(std::memcmp(first.out[0].data(), second.out[0].data(), first.out[0].bytes()) == 0);
}
