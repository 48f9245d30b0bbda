#include <algorithm>
#include <string_view>
#include <vector>

#include "kernels/cpu/concat_conv2d_plan.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"

namespace g2face {
namespace {

using cpu::concat_conv2d::Args;
using cpu::concat_conv2d::Plan;

// The pixels of one block: they have to stay in the L2 cache next to a panel of weights.
constexpr std::size_t block_bytes = std::size_t{560} << 10;
constexpr std::size_t min_pixels = 28, max_pixels = 224;

std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

Plan make_plan(const Shape& y, std::size_t depth, int threads) {
  const auto extent = [&y](int axis) { return static_cast<std::size_t>(y[axis]); };
  Plan p{};
  p.images = extent(0);
  p.depth = depth;
  p.co = extent(1);
  p.pixels = extent(2) * extent(3);
  const std::size_t wanted = std::clamp(block_bytes / (depth * sizeof(float)), min_pixels, max_pixels);
  p.block = ceil_div(p.pixels, ceil_div(p.pixels, wanted));
  p.blocks = ceil_div(p.pixels, p.block);
  p.input_floats = cpu::odd_lines(p.block * depth);
  p.thread_floats = p.input_floats + cpu::odd_lines(p.block * cpu::kPanel);
  p.threads = threads;
  return p;
}

void pack_weights(const float* w, float* packed, std::size_t depth, std::size_t co) {
  for (std::size_t first = 0; first < co; first += cpu::kPanel) {
    const std::size_t width = std::min(cpu::kPanel, co - first);
    for (std::size_t c = 0; c < depth; ++c) {
      for (std::size_t o = 0; o < width; ++o) *packed++ = w[(first + o) * depth + c];
    }
  }
}

using Run = void (*)(const Args&);

Run kernel_for(cpu::Isa isa) {
#if defined(__x86_64__)
  if (isa == cpu::Isa::avx512) return cpu::concat_conv2d::avx512::run;
  if (isa == cpu::Isa::avx2) return cpu::concat_conv2d::avx2::run;
#endif
  static_cast<void>(isa);
  return cpu::concat_conv2d::base::run;
}

bool multiple_of_lane(const Shape& s) { return s.rank() == 4 && s[1] > 0 && s[1] % 16 == 0; }

}  // namespace

/// Takes known weights and images in the native blocked layout, with channels in multiples of 16.
MaybeStep concat_conv2d_cpu(const NoAttrs&, const Signature& s) {
  const std::size_t inputs = s.in.size() - 1;
  const Layout native = cpu::native_layout();
  bool suits = cpu::all_f32(s) && s.known[inputs] && s.precision != Precision::bf16 && s.out[0].layout == native &&
               multiple_of_lane(s.out[0].type.shape) && s.out[0].type.shape.numel() > 0;
  std::vector<std::size_t> lanes;
  std::size_t depth = 0;
  for (const TensorDesc& d : s.in.first(inputs)) {
    suits = suits && d.layout == native && multiple_of_lane(d.type.shape);
    if (!suits) break;
    lanes.push_back(static_cast<std::size_t>(d.type.shape[1]) / cpu::kLane);
    depth += static_cast<std::size_t>(d.type.shape[1]);
  }
  if (!suits) return std::nullopt;

  const Plan plan = make_plan(s.out[0].type.shape, depth, s.threads);
  Step step;
  step.kernel = str("concat_conv2d ", cpu::name_of(cpu::best_isa()));
  step.workspace = static_cast<std::size_t>(s.threads) * plan.thread_floats * sizeof(float);
  step.packings.push_back(
      {static_cast<int>(inputs), depth * plan.co * sizeof(float), [depth, co = plan.co](const void* w, void* packed) {
         pack_weights(static_cast<const float*>(w), static_cast<float*>(packed), depth, co);
       }});
  step.run = [plan, lanes, run = kernel_for(cpu::best_isa())](const Buffers& b, Stream&) {
    run({b.in.data(), lanes.data(), lanes.size(), b.get<float>(static_cast<int>(lanes.size())), b.out_as<float>(),
         static_cast<float*>(b.workspace), plan});
  };
  return step;
}

LayoutChoices concat_conv2d_cpu_layouts(const NoAttrs&, std::span<const Type> in, std::span<const Type> out) {
  LayoutChoice native = cpu::plain_choice(in, out);
  for (std::size_t i = 0; i + 1 < in.size(); ++i) {
    if (!multiple_of_lane(in[i].shape)) return {native};
    native.in[i] = cpu::native_layout();
  }
  if (multiple_of_lane(out[0].shape)) {
    native.out[0] = cpu::native_layout();
    return {native};
  }
  return {cpu::plain_choice(in, out)};
}

}  // namespace g2face
