#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/strided_copy.hpp"

namespace g2face {

std::optional<Step> slice_cuda(const SliceAttrs& a, const Signature& s) {
  if (!cuda::is_uniform(s)) return std::nullopt;
  return cuda::copy_step("slice", cuda::box_copy(cuda::Box::extract, s.out[0], s.in[0], a.begin));
}

std::vector<LayoutChoice> slice_cuda_layouts(const SliceAttrs&, std::span<const Type> in, std::span<const Type> out,
                                             Precision precision) {
  return cuda::uniform_choices(in, out, precision);
}

}  // namespace g2face
