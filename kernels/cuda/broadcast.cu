#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/strided_copy.hpp"

namespace g2face {

std::optional<Step> broadcast_cuda(const BroadcastAttrs&, const Signature& s) {
  const DType stored = cuda::storage_of(s.out[0]);
  if (cuda::storage_of(s.in[0]) != stored) return std::nullopt;
  return cuda::copy_step("broadcast", cuda::strided_copy(cuda::broadcast_space(s.out[0], s.in), size_of(stored)));
}

std::vector<LayoutChoice> broadcast_cuda_layouts(const BroadcastAttrs&, std::span<const Type> in,
                                                 std::span<const Type> out, Precision precision) {
  return cuda::uniform_choices(in, out, precision);
}

}  // namespace g2face
