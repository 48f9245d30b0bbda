#include <vector>

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/strided_copy.hpp"

namespace g2face {

std::optional<Step> concat_cuda(const ConcatAttrs& a, const Signature& s) {
  if (!cuda::is_uniform(s)) return std::nullopt;
  Step step;
  step.kernel = "concat";
  std::vector<cuda::StridedCopy> copies;
  std::vector<std::int64_t> begin(static_cast<std::size_t>(s.out[0].type.shape.rank()), 0);
  for (const TensorDesc& part : s.in) {
    copies.push_back(cuda::box_copy(cuda::Box::insert, part, s.out[0], begin));
    begin[static_cast<std::size_t>(a.axis)] += part.type.shape[a.axis];
    step.kernel += str(' ', copies.back().way);
  }
  step.run = [copies](const Buffers& b, Stream& stream) {
    for (std::size_t i = 0; i < copies.size(); ++i) copies[i].run(b.in[i], b.out[0], cuda::stream_of(stream));
  };
  return step;
}

std::vector<LayoutChoice> concat_cuda_layouts(const ConcatAttrs&, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision) {
  return cuda::uniform_choices(in, out, precision);
}

}  // namespace g2face
