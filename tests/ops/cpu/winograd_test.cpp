// The Winograd kernels of conv2d and its gradients, each instruction set that this machine has.

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "g2face/ops/conv2d.hpp"
#include "kernels/cpu/layout.hpp"
#include "ops/cpu/cpu_step.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

struct Case {
  const OpDef& op;
  std::int64_t n, c, h, w, o, kernel, stride, pad;
  const char* kernel_name;

  bool transposed() const { return &op == &conv2d_input_grad_op; }
  Conv2dAttrs attrs() const {
    Conv2dAttrs a;
    a.stride = {stride, stride};
    a.pad = {pad, pad};
    a.kernel = {kernel, kernel};
    a.input = {h, w};
    if (transposed()) a.input = {(h - 1) * stride + kernel - 2 * pad, (w - 1) * stride + kernel - 2 * pad};
    return a;
  }
  std::vector<Tensor> in() const {
    const Shape weight = transposed() ? Shape{c, o, kernel, kernel} : Shape{o, c, kernel, kernel};
    return {random_tensor({n, c, h, w}, 1), random_tensor(weight, 2)};
  }
};

/// Extents that are no multiple of a tile, channels that end in half a panel, depths beyond one block of sums, and a
/// layer (the second) whose transformed weights the threads share.
const std::vector<Case> cases = {
    {conv2d_op, 3, 80, 17, 22, 112, 3, 1, 1, "conv2d winograd:f4x4_3x3"},
    {conv2d_op, 1, 64, 37, 16, 64, 3, 1, 1, "conv2d winograd:f4x4_3x3"},
    {conv2d_op, 1, 208, 16, 19, 64, 3, 1, 1, "conv2d winograd:f4x4_3x3"},
    {conv2d_op, 5, 64, 7, 14, 80, 3, 1, 1, "conv2d winograd:f4x4_3x3"},
    {conv2d_op, 2, 32, 12, 15, 48, 3, 1, 1, "conv2d winograd:f4x4_3x3"},
    {conv2d_op, 2, 32, 33, 46, 32, 4, 2, 1, "conv2d winograd:f4x4_2x2_s2"},
    {conv2d_op, 2, 64, 33, 46, 80, 4, 2, 1, "conv2d winograd:f4x4_2x2_s2"},
    {conv2d_op, 3, 80, 32, 35, 64, 4, 2, 1, "conv2d winograd:f4x4_2x2_s2"},
    {conv2d_input_grad_op, 3, 80, 17, 22, 112, 3, 1, 1, "conv2d_input_grad winograd:f4x4_3x3"},
    {conv2d_input_grad_op, 2, 64, 32, 37, 80, 3, 2, 0, "conv2d_input_grad winograd:f5x5_2x2_up2"},
    {conv2d_input_grad_op, 1, 144, 34, 33, 64, 3, 2, 0, "conv2d_input_grad winograd:f5x5_2x2_up2"},
    {conv2d_input_grad_op, 2, 64, 17, 22, 80, 4, 2, 1, "conv2d_input_grad winograd:f4x4_2x2_up2"},
    {conv2d_input_grad_op, 1, 144, 16, 19, 32, 4, 2, 1, "conv2d_input_grad winograd:f4x4_2x2_up2"},
};

/// Of the image, in `c` channels; `o` channels of the gradient. More tiles than one block of sums and than one that is
/// transformed at a time, an odd number of vectors of channels, results that end within a tile.
const std::vector<Case> weight_grads = {
    {conv2d_weight_grad_op, 2, 80, 17, 22, 112, 3, 1, 1, "conv2d_weight_grad winograd:f4x4_3x3"},
    {conv2d_weight_grad_op, 3, 32, 41, 39, 48, 3, 1, 1, "conv2d_weight_grad winograd:f4x4_3x3"},
    {conv2d_weight_grad_op, 2, 32, 110, 112, 48, 3, 1, 1, "conv2d_weight_grad winograd:f4x4_3x3"},
    {conv2d_weight_grad_op, 1, 32, 18, 21, 32, 3, 1, 0, "conv2d_weight_grad winograd:f4x4_3x3"},
    {conv2d_weight_grad_op, 2, 48, 33, 46, 80, 4, 2, 1, "conv2d_weight_grad winograd:f4x4_2x2_s2"},
    {conv2d_weight_grad_op, 2, 32, 300, 290, 32, 4, 2, 1, "conv2d_weight_grad winograd:f4x4_2x2_s2"},
    {conv2d_weight_grad_op, 1, 48, 33, 47, 32, 3, 2, 0, "conv2d_weight_grad winograd:f4x4_2x2_s2"},
    {conv2d_weight_grad_op, 2, 32, 35, 33, 48, 3, 2, 1, "conv2d_weight_grad winograd:f4x4_2x2_s2"},
    {conv2d_weight_grad_op, 2, 80, 17, 22, 112, 1, 1, 0, "conv2d_weight_grad winograd:1x1"},
    {conv2d_weight_grad_op, 1, 272, 91, 93, 240, 1, 1, 0, "conv2d_weight_grad winograd:1x1"},
};

CpuCall grad_call(const Case& k, int threads) {
  const std::int64_t h = (k.h + 2 * k.pad - k.kernel) / k.stride + 1, w = (k.w + 2 * k.pad - k.kernel) / k.stride + 1;
  const Layout native = cpu::native_layout();
  return {k.op,
          k.attrs(),
          {random_tensor({k.n, k.c, k.h, k.w}, 1), random_tensor({k.n, k.o, h, w}, 2)},
          {native, native},
          {Layout::nchw},
          {},
          threads,
          Precision::fast};
}

/// The names of the instruction sets that this machine has.
std::vector<std::string> instruction_sets() {
  std::vector<std::string> all;
  for (const cpu::Isa isa : {cpu::Isa::base, cpu::Isa::avx2, cpu::Isa::avx512}) {
    const ScopedIsa lowered(std::string(cpu::name_of(isa)).c_str());
    if (cpu::best_isa() == isa) all.emplace_back(cpu::name_of(isa));
  }
  return all;
}

CpuCall call_of(const Case& k, const std::vector<Tensor>& in, int threads) {
  const Layout native = cpu::native_layout();
  return {k.op, k.attrs(), in, {native, Layout::nchw}, {native}, {false, true}, threads, Precision::fast};
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("winograd: odd extents and batches agree with the reference loops, whatever the number of threads") {
  for (const Case& k : cases) {
    const std::vector<Tensor> in = k.in();
    const Tensor want = run_reference(k.op, k.attrs(), in)[0];
    for (const std::string& name : instruction_sets()) {
      const ScopedIsa lowered(name.c_str());
      INFO(std::string(k.kernel_name), " ", name, " x ", in[0].shape(), " w ", in[1].shape());
      const CpuResult one = run_cpu(call_of(k, in, 1));
      CHECK(one.kernel == k.kernel_name);
      CHECK(relative_error(one.out[0].to(DType::f64), want) <= 1.5e-6);
      for (const int threads : {2, 3}) {
        CHECK(same_bits(run_cpu(call_of(k, in, threads)).out[0], one.out[0]));
        CpuCall unknown = call_of(k, in, threads);  // weights that change: packed in each run
        unknown.known = {false, false};
        CHECK(same_bits(run_cpu(unknown).out[0], one.out[0]));
      }
    }
  }
}

TEST_CASE("winograd: gradients of weights agree with the reference loops, whatever the number of threads") {
  for (const Case& k : weight_grads) {
    const Tensor want = run_reference(k.op, k.attrs(), grad_call(k, 1).in)[0];
    for (const std::string& name : instruction_sets()) {
      const ScopedIsa lowered(name.c_str());
      INFO(std::string(k.kernel_name), " ", name, " c ", k.c, " o ", k.o, " kernel ", k.kernel, " pad ", k.pad);
      const CpuResult one = run_cpu(grad_call(k, 1));
      CHECK(one.kernel == k.kernel_name);
      CHECK(relative_error(one.out[0].to(DType::f64), want) <= 1.5e-6);
      for (const int threads : {2, 3}) CHECK(same_bits(run_cpu(grad_call(k, threads)).out[0], one.out[0]));
    }
  }
}

TEST_CASE("winograd: an image gives the same bits alone and in a batch") {
  for (const Case& k : cases) {
    if (k.n == 1) continue;
    const std::vector<Tensor> in = k.in();
    const CpuResult batch = run_cpu(call_of(k, in, 2));
    Case alone = k;
    alone.n = 1;
    Tensor last(Type{DType::f32, {1, k.c, k.h, k.w}});
    const auto* images = static_cast<const char*>(in[0].data());
    std::memcpy(last.mutable_data(), images + (k.n - 1) * static_cast<std::int64_t>(last.bytes()), last.bytes());
    const CpuResult one = run_cpu(call_of(alone, {last, in[1]}, 2));
    const auto* results = static_cast<const char*>(batch.out[0].data());
    INFO(k.kernel_name);
    CHECK(std::memcmp(results + batch.out[0].bytes() - one.out[0].bytes(), one.out[0].data(), one.out[0].bytes()) == 0);
  }
}

TEST_CASE("winograd: only where it is allowed and pays") {
  const Case& k = cases[1];
  const std::vector<Tensor> in = k.in();
  const auto uses_it = [](const CpuCall& call) { return run_cpu(call).kernel.find("winograd:f") != std::string::npos; };
  CHECK(uses_it(call_of(k, in, 1)));
  CpuCall strict = call_of(k, in, 1);
  strict.precision = Precision::strict;
  CHECK_FALSE(uses_it(strict));
  Case small = k;
  small.w = 6;
  CHECK_FALSE(uses_it(call_of(small, small.in(), 1)));
  Case odd = k;
  odd.c = 72;
  CpuCall plain = call_of(odd, odd.in(), 1);
  plain.in_layouts = plain.out_layouts = {};
  CHECK_FALSE(uses_it(plain));
  CpuCall strict_grad = grad_call(weight_grads[0], 1);
  strict_grad.precision = Precision::strict;
  CHECK(uses_it(grad_call(weight_grads[0], 1)));
  CHECK_FALSE(uses_it(strict_grad));
}

TEST_CASE("winograd: 3x3 with stride 2 where weights change, and not where it would store more of them") {
  for (const std::int64_t pad : {0, 1}) {
    const Case k{conv2d_op, 2, 48, 33, 47, 80, 3, 2, pad, "conv2d winograd:f4x4_2x2_s2"};
    CpuCall call = call_of(k, k.in(), 2);
    CHECK(run_cpu(call).kernel.find("winograd:f") == std::string::npos);
    call.known = {false, false};
    const CpuResult changing = run_cpu(call);
    CHECK(changing.kernel == k.kernel_name);
    CHECK(relative_error(changing.out[0].to(DType::f64), run_reference(k.op, k.attrs(), call.in)[0]) <= 1.5e-6);
  }
}
