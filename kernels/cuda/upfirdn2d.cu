#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

struct Extents {
  std::int64_t planes, height, width, taps_y, taps_x, out_height, out_width;
};

// One thread for each element of the result, every tap asked whether it meets a sample: plain rather than fast.
template <class T>
__global__ void upfirdn2d_kernel(const T* x, const T* f, T* y, Extents e, Upfirdn2dAttrs a) {
  const std::int64_t n = e.planes * e.out_height * e.out_width, taps = e.taps_y * e.taps_x;
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    const std::int64_t column = i % e.out_width, row = i / e.out_width % e.out_height,
                       plane = i / e.out_width / e.out_height;
    const T* image = x + plane * e.height * e.width;
    T sum = 0;
    for (std::int64_t u = 0; u < e.taps_y; ++u) {
      const std::int64_t v_row = row * a.down_y + u - a.pad_y0;  // among the rows with zeros between
      if (v_row < 0 || v_row >= e.height * a.up_y || v_row % a.up_y != 0) continue;
      for (std::int64_t v = 0; v < e.taps_x; ++v) {
        const std::int64_t v_column = column * a.down_x + v - a.pad_x0;
        if (v_column < 0 || v_column >= e.width * a.up_x || v_column % a.up_x != 0) continue;
        const std::int64_t tap = u * e.taps_x + v;
        sum += f[a.correlate ? tap : taps - 1 - tap] * image[v_row / a.up_y * e.width + v_column / a.up_x];
      }
    }
    y[i] = sum;
  }
}

template <class T>
std::optional<Step> make_step(const Upfirdn2dAttrs& a, const Signature& s) {
  const Shape &x = s.in[0].type.shape, &f = s.in[1].type.shape, &y = s.out[0].type.shape;
  const Extents e{x[0] * x[1], x[2], x[3], f[0], f[1], y[2], y[3]};
  Step step;
  step.kernel = "upfirdn2d cuda";
  step.run = [e, a, n = y.numel()](const Buffers& buffers, Stream& stream) {
    if (n == 0) return;
    cuda::launch(upfirdn2d_kernel<T>, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 buffers.get<T>(0), buffers.get<T>(1), buffers.out_as<T>(), e, a);
  };
  return step;
}

}  // namespace

std::optional<Step> upfirdn2d_cuda(const Upfirdn2dAttrs& a, const Signature& s) {
  if (cuda::is_plain(s, DType::f32)) return make_step<float>(a, s);
  if (cuda::is_plain(s, DType::f64)) return make_step<double>(a, s);
  return std::nullopt;
}

}  // namespace g2face
