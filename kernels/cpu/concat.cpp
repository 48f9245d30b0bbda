#include <vector>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/strided_copy.hpp"

namespace g2face {

MaybeStep concat_cpu(const ConcatAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!block) return std::nullopt;
  const Type& whole = s.out[0].type;
  std::vector<std::int64_t> begin(static_cast<std::size_t>(whole.shape.rank()), 0);
  std::vector<cpu::BoxCopy> copies;
  for (const TensorDesc& d : s.in) {
    copies.emplace_back(d.type.shape, whole.shape, begin, *block, size_of(whole.dtype));
    begin[static_cast<std::size_t>(a.axis)] += d.type.shape[a.axis];
  }
  Step step;
  step.kernel = "concat copy";
  step.run = [copies, threads = s.threads](const Buffers& b, Stream&) {
    for (std::size_t i = 0; i < copies.size(); ++i) copies[i].insert(b.in[i], b.out[0], threads);
  };
  return step;
}

LayoutChoices concat_cpu_layouts(const ConcatAttrs&, std::span<const Type> in, std::span<const Type> out) {
  return cpu::native_then_plain(in, out);
}

}  // namespace g2face
