#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/strided_copy.hpp"

namespace g2face {

std::optional<Step> transpose_cuda(const TransposeAttrs& a, const Signature& s) {
  if (s.in[0].layout != Layout::nchw || s.out[0].layout != Layout::nchw) return std::nullopt;
  const std::vector<std::int64_t> from = cuda::steps_of(s.in[0]), to = cuda::steps_of(s.out[0]);
  cuda::IndexSpace space;
  for (std::size_t axis = 0; axis < a.order.size(); ++axis) {
    const std::int64_t extent = s.out[0].type.shape[static_cast<int>(axis)];
    space.axes.push_back({extent, {to[axis], from[static_cast<std::size_t>(a.order[axis])]}});
  }
  return cuda::copy_step("transpose", cuda::strided_copy(std::move(space), size_of(s.in[0].type.dtype)));
}

}  // namespace g2face
