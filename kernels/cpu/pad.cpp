#include <cstring>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/strided_copy.hpp"

namespace g2face {

MaybeStep pad_cpu(const PadAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!block || (*block > 1 && a.before[1] % *block != 0)) return std::nullopt;
  Step step;
  step.kernel = "pad copy";
  const Type& x = s.in[0].type;
  step.run = [copy = cpu::BoxCopy(x.shape, s.out[0].type.shape, a.before, *block, size_of(x.dtype)),
              bytes = s.out[0].bytes(), threads = s.threads](const Buffers& b, Stream&) {
    std::memset(b.out[0], 0, bytes);
    copy.insert(b.in[0], b.out[0], threads);
  };
  return step;
}

LayoutChoices pad_cpu_layouts(const PadAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  const bool between_blocks = a.before.size() == 4 && a.before[1] % cpu::block_of(cpu::native_layout()) == 0;
  return between_blocks ? cpu::native_then_plain(in, out) : LayoutChoices{cpu::plain_choice(in, out)};
}

}  // namespace g2face
