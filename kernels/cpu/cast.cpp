#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {

MaybeStep cast_cpu(const CastAttrs& a, const Signature& s) {
  if (!cpu::common_block({s.in, s.out})) return std::nullopt;
  const DType from = s.in[0].type.dtype, to = a.dtype;
  Step step;
  step.kernel = "cast convert";
  step.run = [from, to, n = s.out[0].type.shape.numel(), threads = s.threads](const Buffers& b, Stream&) {
    cpu::parallel_for(threads, n, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      const auto first = static_cast<std::size_t>(begin);
      convert(static_cast<const std::byte*>(b.in[0]) + first * size_of(from), from,
              static_cast<std::byte*>(b.out[0]) + first * size_of(to), to, end - begin);
    });
  };
  return step;
}

LayoutChoices cast_cpu_layouts(const CastAttrs&, std::span<const Type> in, std::span<const Type> out) {
  return cpu::native_then_plain(in, out);
}

}  // namespace g2face
