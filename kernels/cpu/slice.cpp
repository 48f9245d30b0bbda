#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/strided_copy.hpp"

namespace g2face {

MaybeStep slice_cpu(const SliceAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!block || (*block > 1 && a.begin[1] % *block != 0)) return std::nullopt;
  Step step;
  step.kernel = "slice copy";
  const Type& x = s.in[0].type;
  step.run = [copy = cpu::BoxCopy(s.out[0].type.shape, x.shape, a.begin, *block, size_of(x.dtype)),
              threads = s.threads](const Buffers& b, Stream&) { copy.extract(b.in[0], b.out[0], threads); };
  return step;
}

LayoutChoices slice_cpu_layouts(const SliceAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  const bool between_blocks = a.begin.size() == 4 && a.begin[1] % cpu::block_of(cpu::native_layout()) == 0;
  return between_blocks ? cpu::native_then_plain(in, out) : LayoutChoices{cpu::plain_choice(in, out)};
}

}  // namespace g2face
