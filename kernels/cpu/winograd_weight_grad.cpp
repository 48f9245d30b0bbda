#include "kernels/cpu/winograd_weight_grad.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "kernels/cpu/gemm_blocking.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/winograd.hpp"

namespace g2face::cpu {
namespace winograd {
namespace {

std::size_t size(int v) { return static_cast<std::size_t>(v); }
std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

// What is transformed of the image and of the gradient at a time: it has to stay in the L3 cache.
constexpr std::size_t block_bytes = std::size_t{16} << 20;
constexpr std::size_t min_block = 128;  // sums are read and written once for each block
// Sums of all phases, which save transforming the gradient once for each.
constexpr std::size_t most_sums = std::size_t{56} << 20;

}  // namespace

GradPlan make_plan(const GradShape& s) {
  const std::size_t edge = s.kind == GradKind::conv1x1 ? 1 : s.kind == GradKind::conv3x3 ? 6 : 5;
  GradPlan p{};
  p.slots = edge * edge;
  p.out = s.kind == GradKind::conv1x1 ? 1 : 4;
  p.tiles_y = ceil_div(size(s.out_h), p.out);
  p.tiles_x = ceil_div(size(s.out_w), p.out);
  p.tiles = size(s.n) * p.tiles_y * p.tiles_x;
  const std::size_t tile_bytes = p.slots * size(s.ci + s.co) * sizeof(float);
  p.block = ceil_div(p.tiles, ceil_div(p.tiles, std::max(block_bytes / tile_bytes, min_block)));
  p.x_stride = odd_lines(size(s.ci) * p.block);
  p.dy_stride = odd_lines(size(s.co) * p.block);
  p.sum_stride = odd_lines(size(s.ci) * size(s.co));
  p.x_floats = p.slots * p.x_stride;
  p.dy_floats = p.slots * p.dy_stride;
  const bool strided = s.kind == GradKind::conv3x3_stride2 || s.kind == GradKind::conv4x4_stride2;
  const std::size_t sums = p.slots * p.sum_stride;
  p.phases_together = strided && p.block < p.tiles && 4 * sums * sizeof(float) <= most_sums;
  p.floats = p.x_floats + p.dy_floats + (p.phases_together ? 4 : 1) * sums;
  return p;
}

}  // namespace winograd

namespace {

using Run = void (*)(const winograd::GradArgs&);

Run kernel_for(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return winograd::avx512::run_weight_grad;
  if (isa == Isa::avx2) return winograd::avx2::run_weight_grad;
#endif
  static_cast<void>(isa);
  return winograd::base::run_weight_grad;
}

struct Method {
  winograd::GradKind kind;
  std::string_view name;
  std::int64_t least;  // results of a channel from which on it beats oneDNN
};

/// The method for a kernel of `taps` and a stride.
std::optional<Method> method_for(std::int64_t taps, std::int64_t stride) {
  using winograd::GradKind;
  if (taps == 1 && stride == 1) return Method{GradKind::conv1x1, "1x1", 256};
  if (taps == 3 && stride == 1) return Method{GradKind::conv3x3, "f4x4_3x3", 256};
  if (taps == 3 && stride == 2) return Method{GradKind::conv3x3_stride2, "f4x4_2x2_s2", 256};
  if (taps == 4 && stride == 2) return Method{GradKind::conv4x4_stride2, "f4x4_2x2_s2", 256};
  return std::nullopt;
}

}  // namespace

MaybeStep winograd_conv2d_weight_grad(const Conv2dAttrs& a, const Signature& s) {
  const TensorDesc &x = s.in[0], &dy = s.in[1];
  const g2face::Shape &from = x.type.shape, &to = dy.type.shape;
  const bool square = a.stride[0] == a.stride[1] && a.pad[0] == a.pad[1] && a.kernel[0] == a.kernel[1];
  const bool suits = s.precision == Precision::fast && a.groups == 1 && square && a.pad[0] <= 1 &&
                     x.layout == native_layout() && dy.layout == native_layout() && from[1] % 16 == 0 &&
                     to[1] % 16 == 0 && from[1] >= 32 && to[1] >= 32;
  if (!suits) return std::nullopt;
  const std::optional<Method> method = method_for(a.kernel[0], a.stride[0]);
  if (!method || to[0] * to[2] * to[3] < method->least) return std::nullopt;
  if (method->kind == winograd::GradKind::conv1x1 && a.pad[0] != 0) return std::nullopt;

  const auto extent = [](std::int64_t v) { return static_cast<int>(v); };
  const winograd::GradShape shape{method->kind,     extent(from[0]),    extent(from[1]), extent(to[1]),
                                  extent(from[2]),  extent(from[3]),    extent(to[2]),   extent(to[3]),
                                  extent(a.pad[0]), extent(a.kernel[0])};
  const winograd::GradPlan plan = winograd::make_plan(shape);
  Step step;
  step.kernel = str("conv2d_weight_grad winograd:", method->name);
  Workspace workspace;
  workspace.add(plan.floats * sizeof(float));
  step.workspace = workspace.total();
  step.run = [=, threads = s.threads, run = kernel_for(best_isa())](const Buffers& b, Stream&) {
    run({b.get<float>(0), b.get<float>(1), b.out_as<float>(), static_cast<float*>(b.workspace), shape, plan, threads});
  };
  return step;
}

}  // namespace g2face::cpu
