// A thread converts four neighbouring elements: it reads and writes them as one.

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

template <class From, class To>
__global__ void cast_kernel(const From* x, To* y, std::int64_t n) {
  constexpr int width = 4;
  using In = cuda::Vector<From, width>;
  using Out = cuda::Vector<To, width>;
  const std::int64_t vectors = n / width, first = cuda::thread_index();
  for (std::int64_t i = first; i < vectors; i += cuda::thread_count()) {
    const In from = reinterpret_cast<const In*>(x)[i];
    Out to;
    for (int k = 0; k < width; ++k) to.at[k] = cuda::convert_to<To>(from.at[k]);
    reinterpret_cast<Out*>(y)[i] = to;
  }
  for (std::int64_t i = vectors * width + first; i < n; i += cuda::thread_count()) y[i] = cuda::convert_to<To>(x[i]);
}

template <class From, class To>
Step make_step(std::int64_t n) {
  Step step;
  step.kernel = "cast";
  step.run = [n](const Buffers& b, Stream& stream) {
    if (n == 0) return;
    cuda::launch(cast_kernel<From, To>, cuda::blocks_for((n + 3) / 4), cuda::threads_per_block, 0,
                 cuda::stream_of(stream), b.get<From>(0), b.out_as<To>(), n);
  };
  return step;
}

}  // namespace

std::optional<Step> cast_cuda(const CastAttrs& a, const Signature& s) {
  if (!cuda::is_uniform(s) || is_narrow(s.out[0].layout)) return std::nullopt;
  return cuda::with_dtype(s.in[0].type.dtype, [&]<class From>(From) {
    return cuda::with_dtype(a.dtype, [&]<class To>(To) { return make_step<From, To>(s.out[0].type.shape.numel()); });
  });
}

std::vector<LayoutChoice> cast_cuda_layouts(const CastAttrs&, std::span<const Type> in, std::span<const Type> out,
                                            Precision) {
  return cuda::uniform_choices(in, out, Precision::strict);  // converted elements are never narrow as well
}

}  // namespace g2face
