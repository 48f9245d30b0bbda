// Maximum over windows: plain, one thread for each element that is written. A value counts as planes of pixels of
// `lanes` neighbours: one for nchw, all channels for nhwc.

#include <algorithm>
#include <limits>
#include <type_traits>

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"
#include "kernels/narrow.cuh"

namespace g2face {
namespace {

struct Problem {
  std::int64_t planes;
  int lanes, in_height, in_width, out_height, out_width;
  int kernel[2], stride[2], pad[2];
  __host__ __device__ int in_size() const { return in_height * in_width * lanes; }
  __host__ __device__ int out_size() const { return out_height * out_width * lanes; }
};

/// Nothing if a plane has too many elements for an int.
std::optional<Problem> problem(const Pool2dAttrs& a, const Shape& x, const Shape& y, Layout layout) {
  const bool planar = layout == Layout::nchw;
  const std::int64_t planes = planar ? x[0] * x[1] : x[0], lanes = planar ? 1 : x[1];
  constexpr int most = std::numeric_limits<int>::max();
  if (std::max(x[2] * x[3], y[2] * y[3]) * lanes > most) return std::nullopt;
  const auto number = [](std::int64_t v) { return static_cast<int>(std::min<std::int64_t>(v, most)); };
  return Problem{planes,
                 number(lanes),
                 number(x[2]),
                 number(x[3]),
                 number(y[2]),
                 number(y[3]),
                 {number(a.kernel[0]), number(a.kernel[1])},
                 {number(a.stride[0]), number(a.stride[1])},
                 {number(a.pad[0]), number(a.pad[1])}};
}

/// This thread's element of a plane, at most one beyond the last.
__device__ int element_of_plane() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

template <class T>
__device__ auto comparable(T value) {
  if constexpr (std::is_same_v<T, double>) {
    return value;
  } else {
    return cuda::to_f32(value);
  }
}

/// The index in the plane x of the first maximum of the window of output (row, column).
template <class T>
__device__ int first_maximum(const T* x, const Problem& p, int row, int column, int lane) {
  const int top = row * p.stride[0] - p.pad[0], left = column * p.stride[1] - p.pad[1];
  const int bottom = top + p.kernel[0], right = left + p.kernel[1];
  int best = -1;
  for (int u = top < 0 ? 0 : top; u < bottom && u < p.in_height; ++u) {
    for (int v = left < 0 ? 0 : left; v < right && v < p.in_width; ++v) {
      const int here = (u * p.in_width + v) * p.lanes + lane;
      if (best < 0 || comparable(x[here]) > comparable(x[best])) best = here;
    }
  }
  return best;
}

/// y: the element of `from` where each window of x has its maximum.
template <class T>
__global__ void pick_kernel(const T* x, const T* from, T* y, Problem p) {
  const int i = element_of_plane(), pixel = i / p.lanes;
  if (i >= p.out_size()) return;
  for (std::int64_t plane = blockIdx.y; plane < p.planes; plane += gridDim.y) {
    const std::int64_t at = plane * p.in_size();
    const int maximum = first_maximum(x + at, p, pixel / p.out_width, pixel % p.out_width, i % p.lanes);
    y[plane * p.out_size() + i] = from[at + maximum];
  }
}

__device__ int first_window(int at, int kernel, int stride) { return at < kernel ? 0 : (at - kernel) / stride + 1; }

// An element of x asks every window that it lies in, so that no two threads add to one sum.
template <class T>
__global__ void gradient_kernel(const T* x, const T* dy, T* dx, Problem p) {
  const int i = element_of_plane(), pixel = i / p.lanes, lane = i % p.lanes;
  if (i >= p.in_size()) return;
  const int row = pixel / p.in_width + p.pad[0], column = pixel % p.in_width + p.pad[1];
  const int top = first_window(row, p.kernel[0], p.stride[0]), left = first_window(column, p.kernel[1], p.stride[1]);
  for (std::int64_t plane = blockIdx.y; plane < p.planes; plane += gridDim.y) {
    T sum = 0;
    for (int u = top; u < p.out_height && u * p.stride[0] <= row; ++u) {
      for (int v = left; v < p.out_width && v * p.stride[1] <= column; ++v) {
        if (first_maximum(x + plane * p.in_size(), p, u, v, lane) != i) continue;
        sum += dy[plane * p.out_size() + (u * p.out_width + v) * p.lanes + lane];
      }
    }
    dx[plane * p.in_size() + i] = sum;
  }
}

/// Blocks for planes of this many elements.
dim3 grid_of(std::int64_t planes, int size) {
  return {(static_cast<unsigned>(size) + cuda::threads_per_block - 1) / cuda::threads_per_block,
          static_cast<unsigned>(std::min<std::int64_t>(planes, 65535))};
}

template <class T>
Step pick_step(const Problem& p, const char* name, int from) {
  Step step;
  step.kernel = name;
  step.run = [p, from](const Buffers& b, Stream& stream) {
    if (p.planes * p.out_size() == 0) return;
    cuda::launch(pick_kernel<T>, grid_of(p.planes, p.out_size()), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 b.get<T>(0), b.get<T>(from), b.out_as<T>(), p);
  };
  return step;
}

template <class T>
Step gradient_step(const Problem& p) {
  Step step;
  step.kernel = "max_pool2d_grad cuda";
  step.run = [p](const Buffers& b, Stream& stream) {
    if (p.planes * p.in_size() == 0) return;
    cuda::launch(gradient_kernel<T>, grid_of(p.planes, p.in_size()), cuda::threads_per_block, 0,
                 cuda::stream_of(stream), b.get<T>(0), b.get<T>(1), b.out_as<T>(), p);
  };
  return step;
}

}  // namespace

std::optional<Step> max_pool2d_cuda(const Pool2dAttrs& a, const Signature& s) {
  const Layout layout = s.in[0].layout;
  if (s.out[0].layout != layout) return std::nullopt;
  const auto p = problem(a, s.in[0].type.shape, s.out[0].type.shape, layout);
  if (!p) return std::nullopt;
  if (layout == Layout::nhwc_bf16) return pick_step<bf16>(*p, "max_pool2d cuda:bf16", 0);
  if (layout == Layout::nhwc_f16) return pick_step<f16>(*p, "max_pool2d cuda:f16", 0);
  if (layout != Layout::nchw && layout != Layout::nhwc) return std::nullopt;
  if (s.in[0].type.dtype == DType::f32) return pick_step<float>(*p, "max_pool2d cuda", 0);
  if (s.in[0].type.dtype == DType::f64) return pick_step<double>(*p, "max_pool2d cuda", 0);
  return std::nullopt;
}

std::vector<LayoutChoice> max_pool2d_cuda_layouts(const Pool2dAttrs&, std::span<const Type> in, std::span<const Type>,
                                                  Precision precision) {
  std::vector<LayoutChoice> choices{{{Layout::nchw}, {Layout::nchw}}, {{Layout::nhwc}, {Layout::nhwc}}};
  if (in[0].dtype != DType::f32) return choices;
  if (precision == Precision::bf16) choices.push_back({{Layout::nhwc_bf16}, {Layout::nhwc_bf16}});
  if (precision == Precision::f16) choices.push_back({{Layout::nhwc_f16}, {Layout::nhwc_f16}});
  return choices;
}

std::optional<Step> max_pool2d_grad_cuda(const Pool2dAttrs& a, const Signature& s) {
  const auto p = problem(a, s.in[0].type.shape, s.in[1].type.shape, Layout::nchw);
  if (!p) return std::nullopt;
  if (cuda::is_plain(s, DType::f32)) return gradient_step<float>(*p);
  if (cuda::is_plain(s, DType::f64)) return gradient_step<double>(*p);
  return std::nullopt;
}

std::optional<Step> max_pool2d_pick_cuda(const Pool2dAttrs& a, const Signature& s) {
  const auto p = problem(a, s.in[0].type.shape, s.out[0].type.shape, Layout::nchw);
  if (!p) return std::nullopt;
  if (cuda::is_plain(s, DType::f32)) return pick_step<float>(*p, "max_pool2d_pick cuda", 1);
  if (cuda::is_plain(s, DType::f64)) return pick_step<double>(*p, "max_pool2d_pick cuda", 1);
  return std::nullopt;
}

}  // namespace g2face
