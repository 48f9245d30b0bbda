#include <array>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/strided_copy.hpp"

namespace g2face {

MaybeStep broadcast_cpu(const BroadcastAttrs&, const Signature& s) {
  const auto block = cpu::common_block({s.out});
  const bool agrees =
      cpu::is_one_pixel(s.in[0].type.shape) || s.in[0].layout == Layout::nchw || cpu::block_of(s.in[0].layout) == block;
  if (!block || !agrees) return std::nullopt;
  Step step;
  step.kernel = "broadcast copy";
  step.run = [copy = cpu::StridedCopy(cpu::broadcast_space(s.out[0], std::array{s.in[0], s.out[0]}),
                                      size_of(s.in[0].type.dtype)),
              threads = s.threads](const Buffers& b, Stream&) { copy.run(b.in[0], b.out[0], threads); };
  return step;
}

LayoutChoices broadcast_cpu_layouts(const BroadcastAttrs&, std::span<const Type> in, std::span<const Type> out) {
  LayoutChoices choices;
  const Layout native = cpu::native_layout();
  if (cpu::fits(out[0].shape, native)) {
    choices.push_back({{cpu::fits(in[0].shape, native) ? native : Layout::nchw}, {native}, 0});
  }
  choices.push_back(cpu::plain_choice(in, out));
  return choices;
}

}  // namespace g2face
