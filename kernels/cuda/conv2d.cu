// The three ops of convolution. Features of f32 go to the implicit matrix product or to the kernel for few outputs;
// here stand the plain loops for everything else (groups, f64, row-major memory).

#include "g2face/ops/conv2d.hpp"
#include "kernels/block.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

struct Extents {
  std::int64_t batch, channels, height, width;  // x
  std::int64_t outs, out_height, out_width;     // y
  std::int64_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
  std::int64_t group_channels, group_outs;  // channels and outs of one group
};

Extents extents_of(const Conv2dAttrs& a, const Shape& x, const Shape& w, const Shape& y) {
  return {x[0], x[1],        x[2],        x[3],     y[1],     y[2], y[3],           w[2],
          w[3], a.stride[0], a.stride[1], a.pad[0], a.pad[1], w[1], y[1] / a.groups};
}

// One thread for each element of y.
template <class T>
__global__ void conv2d_kernel(const T* x, const T* w, T* y, Extents e) {
  const std::int64_t count = e.batch * e.outs * e.out_height * e.out_width;
  for (std::int64_t k = cuda::thread_index(); k < count; k += cuda::thread_count()) {
    const std::int64_t j = k % e.out_width, i = k / e.out_width % e.out_height,
                       o = k / e.out_width / e.out_height % e.outs, n = k / e.out_width / e.out_height / e.outs;
    const std::int64_t first_channel = o / e.group_outs * e.group_channels;
    T sum = 0;
    for (std::int64_t c = 0; c < e.group_channels; ++c) {
      const T* image = x + (n * e.channels + first_channel + c) * e.height * e.width;
      const T* taps = w + (o * e.group_channels + c) * e.kernel_h * e.kernel_w;
      for (std::int64_t u = 0; u < e.kernel_h; ++u) {
        const std::int64_t row = i * e.stride_h + u - e.pad_h;
        if (row < 0 || row >= e.height) continue;
        for (std::int64_t v = 0; v < e.kernel_w; ++v) {
          const std::int64_t column = j * e.stride_w + v - e.pad_w;
          if (column < 0 || column >= e.width) continue;
          sum += taps[u * e.kernel_w + v] * image[row * e.width + column];
        }
      }
    }
    y[k] = sum;
  }
}

// One thread for each element of dx.
template <class T>
__global__ void conv2d_input_grad_kernel(const T* dy, const T* w, T* dx, Extents e) {
  const std::int64_t count = e.batch * e.channels * e.height * e.width;
  for (std::int64_t k = cuda::thread_index(); k < count; k += cuda::thread_count()) {
    const std::int64_t column = k % e.width, row = k / e.width % e.height, c = k / e.width / e.height % e.channels,
                       n = k / e.width / e.height / e.channels;
    const std::int64_t first_out = c / e.group_channels * e.group_outs;
    T sum = 0;
    for (std::int64_t o = first_out; o < first_out + e.group_outs; ++o) {
      const T* image = dy + (n * e.outs + o) * e.out_height * e.out_width;
      const T* taps = w + (o * e.group_channels + c % e.group_channels) * e.kernel_h * e.kernel_w;
      for (std::int64_t u = 0; u < e.kernel_h; ++u) {
        const std::int64_t y = row + e.pad_h - u;
        if (y < 0 || y % e.stride_h != 0 || y / e.stride_h >= e.out_height) continue;
        for (std::int64_t v = 0; v < e.kernel_w; ++v) {
          const std::int64_t z = column + e.pad_w - v;
          if (z < 0 || z % e.stride_w != 0 || z / e.stride_w >= e.out_width) continue;
          sum += taps[u * e.kernel_w + v] * image[y / e.stride_h * e.out_width + z / e.stride_w];
        }
      }
    }
    dx[k] = sum;
  }
}

// One block for each element of dw, which sums over the pixels of all samples.
template <class T>
__global__ void conv2d_weight_grad_kernel(const T* x, const T* dy, T* dw, Extents e) {
  const std::int64_t k = blockIdx.x;
  const std::int64_t v = k % e.kernel_w, u = k / e.kernel_w % e.kernel_h,
                     c = k / e.kernel_w / e.kernel_h % e.group_channels,
                     o = k / e.kernel_w / e.kernel_h / e.group_channels;
  const std::int64_t channel = o / e.group_outs * e.group_channels + c;
  T sum = 0;
  for (std::int64_t p = threadIdx.x; p < e.batch * e.out_height * e.out_width; p += blockDim.x) {
    const std::int64_t j = p % e.out_width, i = p / e.out_width % e.out_height, n = p / e.out_width / e.out_height;
    const std::int64_t row = i * e.stride_h + u - e.pad_h, column = j * e.stride_w + v - e.pad_w;
    if (row < 0 || row >= e.height || column < 0 || column >= e.width) continue;
    sum += x[((n * e.channels + channel) * e.height + row) * e.width + column] *
           dy[((n * e.outs + o) * e.out_height + i) * e.out_width + j];
  }
  sum = cuda::block_sum(sum, cuda::shared_memory<T>());
  if (threadIdx.x == 0) dw[k] = sum;
}

template <class T>
Step plain_step(const char* name, void (*kernel)(const T*, const T*, T*, Extents), const Extents& e, std::int64_t n) {
  Step step;
  step.kernel = name;
  step.run = [kernel, e, n](const Buffers& b, Stream& stream) {
    if (n == 0) return;
    cuda::launch(kernel, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream), b.get<T>(0),
                 b.get<T>(1), b.out_as<T>(), e);
  };
  return step;
}

template <class T>
Step weight_grad_step(const Extents& e, std::int64_t n) {
  Step step;
  step.kernel = "conv2d_weight_grad cuda";
  step.run = [e, n](const Buffers& b, Stream& stream) {
    if (n == 0) return;
    constexpr unsigned threads = 128;
    cuda::launch(conv2d_weight_grad_kernel<T>, static_cast<unsigned>(n), threads, threads / cuda::warp_size * sizeof(T),
                 cuda::stream_of(stream), b.get<T>(0), b.get<T>(1), b.out_as<T>(), e);
  };
  return step;
}

}  // namespace

std::optional<Step> conv2d_cuda(const Conv2dAttrs& a, const Signature& s) {
  const Shape& y = s.out[0].type.shape;
  const Extents e = extents_of(a, s.in[0].type.shape, s.in[1].type.shape, y);
  if (cuda::is_plain(s, DType::f32)) return plain_step("conv2d cuda", conv2d_kernel<float>, e, y.numel());
  if (cuda::is_plain(s, DType::f64)) return plain_step("conv2d cuda", conv2d_kernel<double>, e, y.numel());
  return std::nullopt;
}

std::optional<Step> conv2d_input_grad_cuda(const Conv2dAttrs& a, const Signature& s) {
  constexpr const char* name = "conv2d_input_grad cuda";
  const Shape& x = s.out[0].type.shape;
  const Extents e = extents_of(a, x, s.in[1].type.shape, s.in[0].type.shape);
  if (cuda::is_plain(s, DType::f32)) return plain_step(name, conv2d_input_grad_kernel<float>, e, x.numel());
  if (cuda::is_plain(s, DType::f64)) return plain_step(name, conv2d_input_grad_kernel<double>, e, x.numel());
  return std::nullopt;
}

std::optional<Step> conv2d_weight_grad_cuda(const Conv2dAttrs& a, const Signature& s) {
  const Shape& w = s.out[0].type.shape;
  const Extents e = extents_of(a, s.in[0].type.shape, w, s.in[1].type.shape);
  if (cuda::is_plain(s, DType::f32)) return weight_grad_step<float>(e, w.numel());
  if (cuda::is_plain(s, DType::f64)) return weight_grad_step<double>(e, w.numel());
  return std::nullopt;
}

}  // namespace g2face
