// Changes of layout on oneDNN; elements that are no f32 are moved one by one.

#include <array>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/onednn.hpp"
#include "kernels/cpu/strided_copy.hpp"

namespace g2face {

MaybeStep reorder_cpu(const NoAttrs&, const Signature& s) {
  const TensorDesc &from = s.in[0], &to = s.out[0];
  Step step;
  if (from.type.dtype == DType::f32 && from.layout != to.layout && from.type.shape.numel() > 0) {
    const auto dims = from.type.shape.dims();
    const onednn::Primitive reorder = onednn::reorder(onednn::Format::plain(DType::f32, dims, from.layout),
                                                      onednn::Format::plain(DType::f32, dims, to.layout), s.threads);
    step.kernel = str("reorder onednn:", reorder.name());
    step.workspace = reorder.scratchpad_bytes();
    step.run = [reorder](const Buffers& b, Stream&) {
      reorder.run(std::array<const void*, 2>{b.in[0], b.out[0]}, b.workspace);
    };
    return step;
  }
  if (from.layout == Layout::nhwc || to.layout == Layout::nhwc) return std::nullopt;
  // The walk follows the blocked side, if there is one.
  const bool forward = to.layout != Layout::nchw;
  if (forward && from.layout != Layout::nchw && from.layout != to.layout) return std::nullopt;
  step.kernel = "reorder copy";
  step.run = [copy = cpu::relayout_copy(from, to), threads = s.threads](const Buffers& b, Stream&) {
    copy.run(b.in[0], b.out[0], threads);
  };
  return step;
}

}  // namespace g2face
