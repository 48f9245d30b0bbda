#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/strided_copy.hpp"

namespace g2face {

std::optional<Step> pad_cuda(const PadAttrs& a, const Signature& s) {
  if (!cuda::is_uniform(s)) return std::nullopt;
  const cuda::StridedCopy copy = cuda::box_copy(cuda::Box::insert, s.in[0], s.out[0], a.before);
  Step step;
  step.kernel = str("pad ", copy.way);
  step.run = [run = copy.run, bytes = s.out[0].bytes()](const Buffers& b, Stream& stream) {
    const cudaStream_t queue = cuda::stream_of(stream);
    cuda::check_call(cudaMemsetAsync(b.out[0], 0, bytes, queue), "cudaMemsetAsync");
    run(b.in[0], b.out[0], queue);
  };
  return step;
}

std::vector<LayoutChoice> pad_cuda_layouts(const PadAttrs&, std::span<const Type> in, std::span<const Type> out,
                                           Precision precision) {
  return cuda::uniform_choices(in, out, precision);
}

}  // namespace g2face
