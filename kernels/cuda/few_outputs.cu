// Four lanes share a pixel and take its channels in turn, 16 bytes at a time; weights lie in shared memory as f32. A
// block reads them once and goes over many pixels. Bound by reading x: 2 or 4 bytes an element, each once.

#include <algorithm>
#include <limits>

#include "kernels/cuda/few_outputs.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"
#include "kernels/narrow.cuh"

namespace g2face::cuda {
namespace {

constexpr int lanes = 4, pixels_per_block = threads_per_block / lanes;

struct Extents {
  int pixels, pixels_of_sample, channels;
  std::int64_t w_out, w_channel;
};

template <class T>
__device__ void load_piece(const T* from, float (&v)[16 / sizeof(T)]) {
  const uint4 bits = *reinterpret_cast<const uint4*>(from);
  const unsigned words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (sizeof(T) == 2) {
      const float2 pair = unpack<T>(words[i]);
      v[2 * i] = pair.x;
      v[2 * i + 1] = pair.y;
    } else {
      v[i] = __uint_as_float(words[i]);
    }
  }
}

template <class T, int outs>
__global__ void few_outputs_kernel(const T* x, const float* w, float* y, Extents e) {
  constexpr int elements = 16 / static_cast<int>(sizeof(T));
  float* weights = shared_memory<float>();  // [outs][channels]
  for (int i = static_cast<int>(threadIdx.x); i < outs * e.channels; i += static_cast<int>(blockDim.x)) {
    weights[i] = w[i / e.channels * e.w_out + i % e.channels * e.w_channel];
  }
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  for (std::int64_t first = blockIdx.x * static_cast<std::int64_t>(pixels_per_block); first < e.pixels;
       first += gridDim.x * static_cast<std::int64_t>(pixels_per_block)) {
    const auto pixel = static_cast<int>(first) + static_cast<int>(threadIdx.x) / lanes;
    const bool inside = pixel < e.pixels;
    float sum[outs] = {};
    for (int c = lane * elements; inside && c < e.channels; c += lanes * elements) {
      float v[elements];
      load_piece(x + static_cast<std::int64_t>(pixel) * e.channels + c, v);
#pragma unroll
      for (int o = 0; o < outs; ++o) {
#pragma unroll
        for (int k = 0; k < elements; ++k) sum[o] += v[k] * weights[o * e.channels + c + k];
      }
    }
    float mine = 0;
#pragma unroll
    for (int o = 0; o < outs; ++o) {
      sum[o] += __shfl_xor_sync(0xffffffffu, sum[o], 1);
      sum[o] += __shfl_xor_sync(0xffffffffu, sum[o], 2);
      if (o == lane) mine = sum[o];
    }
    if (!inside || lane >= outs) continue;
    const int n = pixel / e.pixels_of_sample, p = pixel % e.pixels_of_sample;
    y[(static_cast<std::int64_t>(n) * outs + lane) * e.pixels_of_sample + p] = mine;
  }
}

template <class T>
std::optional<Step> make_step(const std::string& op, const Signature& s, std::int64_t w_out, std::int64_t w_channel) {
  const Shape &x = s.in[0].type.shape, &y = s.out[0].type.shape;
  const std::int64_t pixels = x[0] * x[2] * x[3];
  if (!few_outputs_suit(x[1], y[1], sizeof(T) == 2) || pixels > std::numeric_limits<int>::max() - pixels_per_block) {
    return std::nullopt;
  }
  constexpr decltype(&few_outputs_kernel<T, 1>) kernels[] = {few_outputs_kernel<T, 1>, few_outputs_kernel<T, 2>,
                                                             few_outputs_kernel<T, 3>, few_outputs_kernel<T, 4>};
  const auto kernel = kernels[y[1] - 1];
  const Extents e{static_cast<int>(pixels), static_cast<int>(x[2] * x[3]), static_cast<int>(x[1]), w_out, w_channel};
  // A few blocks for each multiprocessor, whatever the card: each reads the weights.
  const std::int64_t blocks = std::min<std::int64_t>((pixels + pixels_per_block - 1) / pixels_per_block, 1024);
  Step step;
  step.kernel = op + " few outputs";
  step.run = [=, shared = static_cast<std::size_t>(x[1] * y[1]) * sizeof(float)](const Buffers& b, Stream& stream) {
    if (e.pixels == 0) return;
    launch(kernel, static_cast<unsigned>(blocks), threads_per_block, shared, stream_of(stream), b.get<T>(0),
           b.get<float>(1), b.out_as<float>(), e);
  };
  return step;
}

}  // namespace

bool few_outputs_suit(std::int64_t channels, std::int64_t outs, bool is_narrow) {
  constexpr std::int64_t most_weights = 4096;  // in shared memory
  return channels % (is_narrow ? 8 : 4) == 0 && outs >= 1 && outs <= 4 && channels * outs <= most_weights;
}

std::optional<Step> few_outputs_step(const std::string& op, const Signature& s, std::int64_t w_out,
                                     std::int64_t w_channel) {
  const auto is_f32 = [](const TensorDesc& d) { return d.type.dtype == DType::f32; };
  if (!is_f32(s.in[0]) || !is_f32(s.in[1]) || !is_f32(s.out[0])) return std::nullopt;
  if (s.in[1].layout != Layout::nchw || s.out[0].layout != Layout::nchw) return std::nullopt;
  if (s.in[0].layout == Layout::nhwc_bf16) return make_step<bf16>(op, s, w_out, w_channel);
  if (s.in[0].layout == Layout::nhwc_f16) return make_step<f16>(op, s, w_out, w_channel);
  if (s.in[0].layout == Layout::nhwc) return make_step<float>(op, s, w_out, w_channel);
  return std::nullopt;
}

}  // namespace g2face::cuda
