#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/strided_copy.hpp"

namespace g2face {

MaybeStep transpose_cpu(const TransposeAttrs& a, const Signature& s) {
  if (cpu::common_block({s.in, s.out}) != 1) return std::nullopt;
  const auto from = cpu::dense_strides(s.in[0].type.shape.dims()), to = cpu::dense_strides(s.out[0].type.shape.dims());
  cpu::IndexSpace space;
  space.strides.resize(2);
  for (std::size_t axis = 0; axis < a.order.size(); ++axis) {
    space.extents.push_back(s.out[0].type.shape[static_cast<int>(axis)]);
    space.strides[0].push_back(from[static_cast<std::size_t>(a.order[axis])]);
    space.strides[1].push_back(to[axis]);
  }
  Step step;
  step.kernel = "transpose copy";
  step.run = [copy = cpu::StridedCopy(std::move(space), size_of(s.in[0].type.dtype)), threads = s.threads](
                 const Buffers& b, Stream&) { copy.run(b.in[0], b.out[0], threads); };
  return step;
}

}  // namespace g2face
