// The three ops of convolution. Features of f32 go to the implicit matrix product, to the kernels for few inputs and
// few outputs, or, large ones in 16 bits, to the library; here stand the plain loops for everything else (groups, f64,
// row-major memory).

#include <array>

#include "g2face/ops/conv2d.hpp"
#include "kernels/block.cuh"
#include "kernels/cuda/cublas.hpp"
#include "kernels/cuda/cudnn.hpp"
#include "kernels/cuda/few_inputs.hpp"
#include "kernels/cuda/few_outputs.hpp"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/library_step.hpp"
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
    const std::int64_t pixels = e.batch * e.out_height * e.out_width;
    const unsigned threads = pixels < 1024 ? 32 : 128;
    cuda::launch(conv2d_weight_grad_kernel<T>, static_cast<unsigned>(n), threads, threads / cuda::warp_size * sizeof(T),
                 cuda::stream_of(stream), b.get<T>(0), b.get<T>(1), b.out_as<T>(), e);
  };
  return step;
}

// The room's forward op and its gradient for x differ by who is read and who is written.
struct Choices {
  std::vector<LayoutChoice> all;
  void add(Layout image, Layout result, double penalty = 0) {
    all.push_back({{image, Layout::nchw}, {result}, penalty});
  }
};

bool is_pointwise(const Conv2dAttrs& a) {
  constexpr std::array<std::int64_t, 2> one = {1, 1}, none = {0, 0};
  return a.kernel == one && a.stride == one && a.pad == none && a.groups == 1;
}

/// Ways to have the image that is read and the one that is written.
std::vector<LayoutChoice> image_layouts(const Type& image, const Type& result, const Conv2dAttrs& a, bool fits_product,
                                        Precision precision) {
  Choices choices;
  const Layout features = cuda::feature_layout(precision);
  // One pixel or one channel has the same order in nchw and nhwc, and is not worth storing in 16 bits.
  const auto layout_of = [features](const Shape& s) { return s[2] * s[3] == 1 || s[1] == 1 ? Layout::nchw : features; };
  const Shape &x = image.shape, &y = result.shape;
  const std::int64_t taps = a.kernel[0] * a.kernel[1];
  if (image.dtype == DType::f32 && fits_product) {
    if (is_pointwise(a) && x[2] * x[3] > 1 && cuda::few_outputs_suit(x[1], y[1], is_narrow(features))) {
      choices.add(features, Layout::nchw);
    } else {
      choices.add(layout_of(x), layout_of(y));
    }
    // From nchw it gathers: a longer sum than this takes longer than a reorder and copies.
    constexpr std::int64_t few_channels = 16, shallow = 256;
    if (x[1] < few_channels && x[1] * taps <= shallow) choices.add(Layout::nchw, layout_of(y));
  }
  // Each product of the plain loops reads its two factors.
  const double products = static_cast<double>(y.numel()) * static_cast<double>(x[1] / a.groups * taps);
  choices.add(Layout::nchw, Layout::nchw, 2 * products);
  return choices.all;
}

/// Images of one pixel or one channel are in every order.
bool is_nhwc(const TensorDesc& d) {
  const Shape& s = d.type.shape;
  return d.layout != Layout::nchw || s[1] == 1 || s[2] * s[3] == 1;
}

/// A 1x1 convolution, or its gradient for x, as a plain product of its images' pixels, by the library.
std::vector<Step> pixel_product_steps(const std::string& op, const Signature& s, bool transpose_w) {
  const TensorDesc &x = s.in[0], &w = s.in[1], &y = s.out[0];
  const auto f32 = [](const TensorDesc& d) { return d.type.dtype == DType::f32; };
  if (!f32(x) || !f32(w) || !f32(y) || !is_nhwc(x) || !is_nhwc(y) || w.layout != Layout::nchw) return {};
  const DType in = cuda::storage_of(x), out = cuda::storage_of(y);
  if (out != in && out != DType::f32) return {};
  const Shape &xs = x.type.shape, &ys = y.type.shape;
  const cuda::MatrixProduct product{1, xs[0] * xs[2] * xs[3], ys[1], xs[1], false, transpose_w, in, out};
  std::vector<Step> steps = cuda::cublaslt_steps(op, product, s.precision);
  for (Step& step : steps) step = cuda::with_input_in(x.layout, 1, std::move(step), s);
  return steps;
}

void append(std::vector<Step>& steps, std::vector<Step> more) {
  std::move(more.begin(), more.end(), std::back_inserter(steps));
}

/// The library's step for a large product of 16 bits, if there is a library. On an H200 with cuDNN 9.19 it takes 0.73
/// to 0.9 of the time of our kernel for 16 images, and for one image with sums of 4608 products (0.029 ms instead of
/// 0.038 for 512 channels at 64x64), but 1.06 of it for one image with sums of 1152, and 1.2 at 16x16.
std::optional<Step> library_step(cuda::ConvDirection direction, const Conv2dAttrs& a, const Signature& s,
                                 const Shape& small, std::int64_t depth) {
  constexpr double large = 4e9, largest = 64e9;  // products and sums
  constexpr std::int64_t deep = 2048;
  const double operations = 2 * static_cast<double>(small.numel()) * static_cast<double>(depth);
  if (operations < (depth < deep ? largest : large)) return std::nullopt;
  if (!is_narrow(s.in[0].layout) || !is_narrow(s.out[0].layout)) return std::nullopt;
  std::vector<Step> steps = cuda::cudnn_steps(direction, a, s);
  return steps.empty() ? std::nullopt : std::optional(std::move(steps.front()));
}

std::optional<Step> plain_weight_grad_step(const Conv2dAttrs& a, const Signature& s) {
  const Shape& w = s.out[0].type.shape;
  const Extents e = extents_of(a, s.in[0].type.shape, w, s.in[1].type.shape);
  if (cuda::is_plain(s, DType::f32)) return weight_grad_step<float>(e, w.numel());
  if (cuda::is_plain(s, DType::f64)) return weight_grad_step<double>(e, w.numel());
  return std::nullopt;
}

}  // namespace

std::optional<Step> conv2d_cuda(const Conv2dAttrs& a, const Signature& s) {
  const Shape &x = s.in[0].type.shape, &w = s.in[1].type.shape, &y = s.out[0].type.shape;
  if (auto step = cuda::few_inputs_step("conv2d", a, s)) return step;
  if (is_pointwise(a)) {
    if (auto step = cuda::few_outputs_step("conv2d", s, w[1], 1)) return step;
  }
  const std::int64_t depth = w.numel() / std::max<std::int64_t>(w[0], 1);
  if (auto step = library_step(cuda::ConvDirection::forward, a, s, y, depth)) return step;
  if (const auto product = cuda::gemm_of_conv2d(a, x, w, y)) {
    if (auto step = cuda::implicit_gemm_step("conv2d", *product, s)) return step;
  }
  const Extents e = extents_of(a, x, w, y);
  if (cuda::is_plain(s, DType::f32)) return plain_step("conv2d cuda", conv2d_kernel<float>, e, y.numel());
  if (cuda::is_plain(s, DType::f64)) return plain_step("conv2d cuda", conv2d_kernel<double>, e, y.numel());
  return std::nullopt;
}

std::optional<Step> conv2d_input_grad_cuda(const Conv2dAttrs& a, const Signature& s) {
  constexpr const char* name = "conv2d_input_grad cuda";
  const Shape &dy = s.in[0].type.shape, &w = s.in[1].type.shape, &dx = s.out[0].type.shape;
  if (is_pointwise(a)) {
    if (auto step = cuda::few_outputs_step("conv2d_input_grad", s, 1, w[1])) return step;
  }
  const std::int64_t depth = w.numel() / std::max<std::int64_t>(w[0], 1);
  if (auto step = library_step(cuda::ConvDirection::input_grad, a, s, dy, depth)) return step;
  if (const auto product = cuda::gemm_of_input_grad(a, dy, w, dx)) {
    if (auto step = cuda::implicit_gemm_step("conv2d_input_grad", *product, s)) return step;
  }
  const Extents e = extents_of(a, dx, w, dy);
  if (cuda::is_plain(s, DType::f32)) return plain_step(name, conv2d_input_grad_kernel<float>, e, dx.numel());
  if (cuda::is_plain(s, DType::f64)) return plain_step(name, conv2d_input_grad_kernel<double>, e, dx.numel());
  return std::nullopt;
}

std::vector<LayoutChoice> conv2d_cuda_layouts(const Conv2dAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision) {
  const bool fits = cuda::gemm_of_conv2d(a, in[0].shape, in[1].shape, out[0].shape).has_value();
  if (fits && in[0].dtype == DType::f32 && cuda::few_inputs_suit(a, in[0].shape, out[0].shape)) {
    Choices choices;
    choices.add(Layout::nchw, out[0].shape[1] <= 4 ? Layout::nchw : cuda::feature_layout(precision));
    return choices.all;
  }
  return image_layouts(in[0], out[0], a, fits, precision);
}

std::vector<LayoutChoice> conv2d_input_grad_cuda_layouts(const Conv2dAttrs& a, std::span<const Type> in,
                                                         std::span<const Type> out, Precision precision) {
  const bool fits = cuda::gemm_of_input_grad(a, in[0].shape, in[1].shape, out[0].shape).has_value();
  return image_layouts(in[0], out[0], a, fits, precision);
}

// Our own loops are plain: the library is the default where there is one.
std::optional<Step> conv2d_weight_grad_cuda(const Conv2dAttrs& a, const Signature& s) {
  std::vector<Step> steps = cuda::cudnn_steps(cuda::ConvDirection::weight_grad, a, s);
  return steps.empty() ? plain_weight_grad_step(a, s) : std::optional(std::move(steps.front()));
}

std::vector<LayoutChoice> conv2d_weight_grad_cuda_layouts(const Conv2dAttrs& a, std::span<const Type> in,
                                                          std::span<const Type> out, Precision precision) {
  // In f16 small gradients would vanish.
  const Layout features = precision == Precision::bf16 ? Layout::nhwc_bf16 : Layout::nhwc;
  std::vector<LayoutChoice> choices;
  for (const Layout layout : {features, Layout::nchw}) {
    const TensorDesc images[] = {{in[0], layout}, {in[1], layout}}, dw{out[0], Layout::nchw};
    const bool known[] = {false, false};
    const Signature s{.in = images, .out = {&dw, 1}, .known = known, .precision = precision};
    const bool by_library = !cuda::cudnn_steps(cuda::ConvDirection::weight_grad, a, s).empty();
    const bool is_last = layout == Layout::nchw;
    if (by_library || (is_last && choices.empty())) choices.push_back({{layout, layout}, {Layout::nchw}, 0});
  }
  return choices;
}

std::vector<Step> conv2d_cuda_others(const Conv2dAttrs& a, const Signature& s) {
  std::vector<Step> steps;
  const auto product = cuda::gemm_of_conv2d(a, s.in[0].type.shape, s.in[1].type.shape, s.out[0].type.shape);
  if (product) append(steps, cuda::implicit_gemm_steps("conv2d", *product, s));
  if (is_pointwise(a)) append(steps, pixel_product_steps("conv2d", s, true));
  append(steps, cuda::cudnn_steps(cuda::ConvDirection::forward, a, s));
  return steps;
}

std::vector<Step> conv2d_input_grad_cuda_others(const Conv2dAttrs& a, const Signature& s) {
  std::vector<Step> steps;
  const auto product = cuda::gemm_of_input_grad(a, s.in[0].type.shape, s.in[1].type.shape, s.out[0].type.shape);
  if (product) append(steps, cuda::implicit_gemm_steps("conv2d_input_grad", *product, s));
  if (is_pointwise(a)) append(steps, pixel_product_steps("conv2d_input_grad", s, false));
  append(steps, cuda::cudnn_steps(cuda::ConvDirection::input_grad, a, s));
  return steps;
}

std::vector<Step> conv2d_weight_grad_cuda_others(const Conv2dAttrs& a, const Signature& s) {
  std::vector<Step> steps = cuda::cudnn_steps(cuda::ConvDirection::weight_grad, a, s);
  if (auto plain = plain_weight_grad_step(a, s)) steps.push_back(std::move(*plain));
  return steps;
}

}  // namespace g2face
