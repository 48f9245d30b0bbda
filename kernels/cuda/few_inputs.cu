// A thread has a run of pixels in a row and eight channels of them: a row of its windows is read once, and each tap of
// it multiplies all pixels and channels from registers. Neighbouring threads have neighbouring channels, so that a warp
// reads weights from shared memory without conflicts and writes whole pixels. A block copies the weights once and goes
// over many runs. Products and sums are f32 at every precision. Bound by writing y, 2 or 4 bytes an element, while
// windows are small; from some 20 taps on by the products.
//
// For a y of at most four channels a thread has all of them, and y is nchw.

#include <algorithm>
#include <array>

#include "kernels/cuda/few_inputs.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/storage.cuh"
#include "kernels/launch.cuh"

namespace g2face::cuda {
namespace {

constexpr int threads = 128, blocks_of_multiprocessor = 4;

struct Extents {
  int channels, height, width;      // x
  int outs, out_height, out_width;  // y
  int kernel_h, stride_h, pad_h, pad_w;
  int groups, runs;  // threads for the channels of a pixel, and for the pixels of a row
  int items;         // threads for all of y
  int pieces;        // of weights, 16 bytes each
};

/// What a thread has. Weights are [channel, row, column of the window][half][group][4 outs].
template <int width_, int stride_, int run_, int outs_>
struct ThreadShare {
  static constexpr int width = width_, stride = stride_, run = run_, outs = outs_;
  static constexpr int halves = outs / 4, span = (run - 1) * stride + width;
};

template <class Out, class Share>
__device__ void write_features(Out* y, const float (&sum)[Share::run][Share::outs], int column, const Extents& e) {
#pragma unroll
  for (int p = 0; p < Share::run; ++p) {
    if (column + p < e.out_width) store_lanes(y + static_cast<std::int64_t>(p) * e.outs, sum[p]);
  }
}

template <class Share>
__device__ void write_planes(float* y, const float (&sum)[Share::run][Share::outs], int column, const Extents& e) {
  static_assert(Share::run == 4);
  const std::int64_t plane = static_cast<std::int64_t>(e.out_height) * e.out_width;
#pragma unroll
  for (int o = 0; o < Share::outs; ++o) {
    if (o >= e.outs) break;
    float* to = y + o * plane;
    if (e.out_width % 4 == 0) {
      *reinterpret_cast<float4*>(to) = make_float4(sum[0][o], sum[1][o], sum[2][o], sum[3][o]);
    } else {
#pragma unroll
      for (int p = 0; p < Share::run; ++p) {
        if (column + p < e.out_width) to[p] = sum[p][o];
      }
    }
  }
}

template <class Out, class Share>
__global__ void __launch_bounds__(threads, blocks_of_multiprocessor)
    few_inputs_kernel(const float* x, const float4* packed, Out* y, const Extents e) {
  float4* const weights = shared_memory<float4>();
  for (int i = static_cast<int>(threadIdx.x); i < e.pieces; i += threads) weights[i] = packed[i];
  __syncthreads();

  for (int item = static_cast<int>(thread_index()); item < e.items; item += static_cast<int>(thread_count())) {
    const int group = item % e.groups, run = item / e.groups;
    const int j = run % e.runs * Share::run, line = run / e.runs;  // of all samples
    const int sample = line / e.out_height;
    const int row = line % e.out_height * e.stride_h - e.pad_h, column = j * Share::stride - e.pad_w;

    float sum[Share::run][Share::outs] = {};
#pragma unroll 1
    for (int c = 0; c < e.channels; ++c) {
      const float* plane = x + (static_cast<std::int64_t>(sample) * e.channels + c) * e.height * e.width;
#pragma unroll 1
      for (int u = 0; u < e.kernel_h; ++u) {
        if (row + u < 0 || row + u >= e.height) continue;
        const float* from = plane + static_cast<std::int64_t>(row + u) * e.width;
        float window[Share::span];
#pragma unroll
        for (int k = 0; k < Share::span; ++k) {
          const bool inside = static_cast<unsigned>(column + k) < static_cast<unsigned>(e.width);
          window[k] = inside ? from[column + k] : 0.f;
        }
        const float4* taps = weights + (c * e.kernel_h + u) * Share::width * Share::halves * e.groups + group;
#pragma unroll
        for (int v = 0; v < Share::width; ++v) {
#pragma unroll
          for (int half = 0; half < Share::halves; ++half) {
            const float4 w = taps[(v * Share::halves + half) * e.groups];
#pragma unroll
            for (int p = 0; p < Share::run; ++p) {
              const float pixel = window[p * Share::stride + v];
              sum[p][4 * half] += pixel * w.x;
              sum[p][4 * half + 1] += pixel * w.y;
              sum[p][4 * half + 2] += pixel * w.z;
              sum[p][4 * half + 3] += pixel * w.w;
            }
          }
        }
      }
    }

    if constexpr (Share::halves == 2) {
      const std::int64_t pixel = static_cast<std::int64_t>(line) * e.out_width + j;
      write_features<Out, Share>(y + pixel * e.outs + group * Share::outs, sum, j, e);
    } else {
      const std::int64_t first_line = static_cast<std::int64_t>(sample) * e.outs * e.out_height + line % e.out_height;
      write_planes<Share>(y + first_line * e.out_width + j, sum, j, e);
    }
  }
}

bool to_planes(const Shape& y) { return y[1] <= 4; }
std::int64_t outs_of_thread(const Shape& y) { return to_planes(y) ? 4 : lanes; }
std::int64_t groups_of(const Shape& y) { return (y[1] + outs_of_thread(y) - 1) / outs_of_thread(y); }
std::int64_t packed_bytes(const Conv2dAttrs& a, const Shape& x, const Shape& y) {
  return x[1] * a.kernel[0] * a.kernel[1] * groups_of(y) * outs_of_thread(y) * static_cast<std::int64_t>(sizeof(float));
}

void pack(const float* w, float* to, const Extents& e, int depth) {
  const int outs = 4 * e.pieces / (depth * e.groups);  // of a thread
  std::fill_n(to, static_cast<std::size_t>(e.pieces) * 4, 0.f);
  for (int o = 0; o < e.outs; ++o) {
    for (int k = 0; k < depth; ++k) {
      const int piece = (k * (outs / 4) + o % outs / 4) * e.groups + o / outs;
      to[piece * 4 + o % 4] = w[static_cast<std::int64_t>(o) * depth + k];
    }
  }
}

template <class Out, class Share>
Step make_step(const std::string& op, const Conv2dAttrs& a, const Signature& s) {
  const Shape &x = s.in[0].type.shape, &y = s.out[0].type.shape;
  const auto narrow = [](std::int64_t v) { return static_cast<int>(v); };  // few_inputs_suit: they fit
  const std::int64_t groups = groups_of(y), runs = (y[3] + Share::run - 1) / Share::run, bytes = packed_bytes(a, x, y);
  const Extents e{narrow(x[1]),
                  narrow(x[2]),
                  narrow(x[3]),
                  narrow(y[1]),
                  narrow(y[2]),
                  narrow(y[3]),
                  narrow(a.kernel[0]),
                  narrow(a.stride[0]),
                  narrow(a.pad[0]),
                  narrow(a.pad[1]),
                  narrow(groups),
                  narrow(runs),
                  narrow(y[0] * y[2] * runs * groups),
                  narrow(bytes / static_cast<std::int64_t>(sizeof(float4)))};
  const int blocks = std::min((e.items + threads - 1) / threads, blocks_of_multiprocessor * multiprocessors());
  const auto shared = static_cast<std::size_t>(bytes);
  Step step;
  step.kernel = op + " few inputs";
  step.packings.push_back({1, shared, [e, depth = narrow(x[1] * a.kernel[0] * a.kernel[1])](const void* w, void* to) {
                             pack(static_cast<const float*>(w), static_cast<float*>(to), e, depth);
                           }});
  step.run = [e, blocks, shared](const Buffers& b, Stream& stream) {
    if (e.items == 0) return;
    launch(few_inputs_kernel<Out, Share>, static_cast<unsigned>(blocks), threads, shared, stream_of(stream),
           b.get<float>(0), b.get<float4>(1), b.out_as<Out>(), e);
  };
  return step;
}

/// Windows that have kernels. `run`: pixels of a thread that has eight channels, as many as its registers hold or,
/// where images have few windows, fewer.
template <int width_, int stride_, int run_>
struct Window {
  static constexpr int width = width_, stride = stride_, run = run_;
};

template <class F>
std::optional<Step> with_window(const Conv2dAttrs& a, const F& f) {
  const std::array<std::int64_t, 2> window{a.kernel[1], a.stride[1]};
  if (window == std::array<std::int64_t, 2>{1, 1}) return f(Window<1, 1, 8>());
  if (window == std::array<std::int64_t, 2>{3, 1}) return f(Window<3, 1, 8>());
  if (window == std::array<std::int64_t, 2>{7, 2}) return f(Window<7, 2, 4>());
  return std::nullopt;
}

}  // namespace

bool few_inputs_suit(const Conv2dAttrs& a, const Shape& x, const Shape& y) {
  constexpr std::int64_t most_channels = 4, most_bytes = 48 << 10, most_items = 1 << 30, largest_edge = 1 << 20;
  if (a.groups != 1 || x[1] < 1 || x[1] > most_channels || y[1] < 1 || y[2] * y[3] == 1) return false;
  if (!to_planes(y) && y[1] % lanes != 0) return false;
  const bool has_window = with_window(a, [](auto) { return Step(); }).has_value();
  const std::int64_t edge = std::max({x[2], x[3], y[2], y[3], a.stride[0], a.pad[0], a.pad[1]});
  return has_window && packed_bytes(a, x, y) <= most_bytes && edge < largest_edge &&
         static_cast<double>(y[0]) * static_cast<double>(y[2] * y[3] * groups_of(y)) < most_items;
}

std::optional<Step> few_inputs_step(const std::string& op, const Conv2dAttrs& a, const Signature& s) {
  const TensorDesc &x = s.in[0], &w = s.in[1], &y = s.out[0];
  const auto is_f32 = [](const TensorDesc& d) { return d.type.dtype == DType::f32; };
  if (!is_f32(x) || !is_f32(w) || !is_f32(y) || x.layout != Layout::nchw || w.layout != Layout::nchw) return {};
  if (!few_inputs_suit(a, x.type.shape, y.type.shape)) return {};
  if ((y.layout == Layout::nchw) != to_planes(y.type.shape) || !s.known[1]) return {};
  return with_window(a, [&](auto window) {
    using W = decltype(window);
    if (to_planes(y.type.shape)) return make_step<float, ThreadShare<W::width, W::stride, 4, 4>>(op, a, s);
    return with_storage(y.layout, [&]<class Out>() {
      return make_step<Out, ThreadShare<W::width, W::stride, W::run, lanes>>(op, a, s);
    });
  });
}

}  // namespace g2face::cuda
