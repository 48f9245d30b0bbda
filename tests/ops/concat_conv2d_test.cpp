#include "g2face/ops/concat_conv2d.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "g2face/ops/conv2d.hpp"
#include "kernels/cpu/layout.hpp"
#include "op_check.hpp"
#include "ops/cpu/cpu_step.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("concat_conv2d: forward and gradients") {
  const OpCheck c(concat_conv2d_op);
  c.ok({{1, 2, 3, 5}, {3, 2, 1, 1}});
  c.ok({{2, 2, 3, 5}, {2, 1, 3, 5}, {2, 3, 3, 5}, {4, 6, 1, 1}});
  c.ok({{1, 16, 4, 5}, {1, 16, 4, 5}, {16, 32, 1, 1}});
  c.ok({{2, 16, 1, 1}, {2, 32, 1, 1}, {48, 48, 1, 1}});
}

TEST_CASE("concat_conv2d: rules") {
  const OpCheck c(concat_conv2d_op);
  c.fails("R1", {{4, 2, 1, 1}}, "there are no values beside w");
  c.fails("R1", {{1, 2, 3, 5}, {1, 2, 3, 4}, {3, 4, 1, 1}}, "x1 [1,2,3,4] must have rank 4 and match x0 [1,2,3,5]");
  c.fails("R1", {{2, 3}, {4, 3, 1, 1}}, "x0 [2,3] must have rank 4");
  c.fails("R2", {{1, 2, 3, 5}, {1, 2, 3, 5}, {3, 5, 1, 1}}, "w [3,5,1,1] must be [O,4,1,1]");
  c.fails("R2", {{1, 2, 3, 5}, {3, 2, 3, 3}}, "w [3,2,3,3] must be [O,2,1,1]");
  c.fails("R3", {{1, 2, 3, 5}, {{3, 2, 1, 1}, {}, DType::f64}}, "must have the same floating dtype");
}

TEST_CASE("concat_conv2d on cpu: each instruction set, the same bits whatever the number of threads") {
  struct Case {
    std::vector<Shape> x;
    std::int64_t out;
  };
  // More than one block of pixels, of sums and of outputs, and ends that are not full.
  const std::vector<Case> cases = {{{{2, 16, 5, 7}, {2, 48, 5, 7}}, 80},
                                   {{{1, 64, 17, 15}, {1, 64, 17, 15}, {1, 144, 17, 15}}, 48},
                                   {{{3, 16, 1, 1}}, 16}};
  for (const Case& k : cases) {
    CpuCall call{concat_conv2d_op, NoAttrs{}, {}};
    std::int64_t depth = 0;
    for (const Shape& s : k.x) {
      call.in.push_back(random_tensor(s, static_cast<unsigned>(depth)));
      depth += s[1];
    }
    call.in.push_back(random_tensor({k.out, depth, 1, 1}, 99));
    // The formula is the reference.
    Tensor joined(Type{DType::f32, k.x[0].with(1, depth)});
    const std::int64_t pixels = k.x[0][2] * k.x[0][3];
    auto* to = joined.mutable_as<float>().data();
    for (std::int64_t n = 0; n < k.x[0][0]; ++n) {
      for (std::size_t i = 0; i < k.x.size(); ++i) {
        const std::int64_t size = k.x[i][1] * pixels;
        std::memcpy(to, call.in[i].as<float>().data() + n * size, static_cast<std::size_t>(size) * sizeof(float));
        to += size;
      }
    }
    Conv2dAttrs attrs;
    attrs.kernel = {1, 1};
    attrs.input = {k.x[0][2], k.x[0][3]};
    const Tensor want = run_reference(conv2d_op, attrs, {joined, call.in.back()})[0];
    for (const cpu::Isa isa : {cpu::Isa::base, cpu::Isa::avx2, cpu::Isa::avx512}) {
      const ScopedIsa lowered(std::string(cpu::name_of(isa)).c_str());
      if (cpu::best_isa() != isa) continue;
      INFO(cpu::name_of(isa), " w ", call.in.back().shape());
      call.in_layouts.assign(k.x.size(), cpu::native_layout());
      call.in_layouts.push_back(Layout::nchw);
      call.out_layouts = {cpu::native_layout()};
      call.known.assign(k.x.size(), false);
      call.known.push_back(true);
      call.threads = 1;
      const CpuResult one = run_cpu(call);
      CHECK(one.kernel == str("concat_conv2d ", cpu::name_of(isa)));
      CHECK(relative_error(one.out[0].to(DType::f64), want) <= 4e-7);
      for (const int threads : {2, 3}) {
        call.threads = threads;
        const CpuResult more = run_cpu(call);
        CHECK(std::memcmp(more.out[0].data(), one.out[0].data(), one.out[0].bytes()) == 0);
      }
    }
  }
}
