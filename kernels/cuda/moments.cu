// Means and deviations. Every thread follows mean and sum of squared deviations of its own elements (Welford 1962);
// they are merged as in Chan, Golub and LeVeque 1979, in a fixed order.
//
// moments_lanes_kernel: features, over pixels. A block has up to 32 groups of eight channels and a range of pixels, and
// reads each element once; where one block cannot have all pixels, moments_merge_kernel merges what the blocks found.
// moments_kernel: a block for each result, any axes; each element is read once.

#include <bit>
#include <cmath>

#include "kernels/cuda/index_space.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/storage.cuh"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

constexpr unsigned threads = 256;

template <class T>
struct Statistics {
  T count = 0, mean = 0, deviations = 0;  // deviations: the sum of their squares

  __device__ void merge(const Statistics& other) {
    const T total = count + other.count;
    if (total == T(0)) return;
    const T delta = other.mean - mean, share = other.count / total;
    mean += delta * share;
    deviations += other.deviations + delta * delta * count * share;
    count = total;
  }
  __device__ T rstd(T eps) const { return T(1) / std::sqrt(deviations / count + eps); }
};

/// Adds x as element number n of those that mean and deviations describe; share = 1 / n.
template <class T>
__device__ void add_element(T x, T share, T& mean, T& deviations) {
  const T before = x - mean;
  mean += before * share;
  deviations += before * (x - mean);
}

// Features
// -------------------------------------------------------------------------------------------------------------

/// x [samples][pixels][8 * groups] -> [samples][8 * groups].
struct Features {
  std::int64_t samples = 1, pixels = 1, groups = 1;
  std::int64_t chunk = 1, chunks = 1;  // pixels of a block, and ranges of so many
  unsigned width = 1, tiles = 1;       // groups of a block, and blocks for all groups
  __host__ __device__ std::int64_t channels() const { return groups * cuda::lanes; }
};

Features split(std::int64_t samples, std::int64_t pixels, std::int64_t groups) {
  constexpr std::int64_t enough_blocks = 1024, least_rounds = 8;
  Features f;
  f.samples = samples;
  f.pixels = pixels;
  f.groups = groups;
  f.width = std::min(32u, std::bit_ceil(static_cast<unsigned>(std::min<std::int64_t>(groups, 32))));
  f.tiles = static_cast<unsigned>((groups + f.width - 1) / f.width);
  const std::int64_t rows = threads / f.width;  // pixels that a block has at a time
  const std::int64_t wanted = std::max<std::int64_t>(1, enough_blocks / (samples * f.tiles));
  f.chunk = std::max((pixels + wanted - 1) / wanted, rows * least_rounds);
  f.chunks = (pixels + f.chunk - 1) / f.chunk;
  return f;
}

/// Writes mean and rstd where a block has all pixels; else mean and deviations of its own, [sample][chunk][channel].
template <class T>
__global__ void moments_lanes_kernel(const T* x, float* mean_out, float* second_out, Features f, float eps) {
  constexpr int lanes = cuda::lanes;
  const unsigned column = threadIdx.x % f.width, row = threadIdx.x / f.width, rows = threads / f.width;
  const unsigned tile = blockIdx.x % f.tiles;
  const std::int64_t part = blockIdx.x / f.tiles;  // sample * chunks + chunk
  const std::int64_t sample = part / f.chunks, first = part % f.chunks * f.chunk;
  const std::int64_t last = first + f.chunk < f.pixels ? first + f.chunk : f.pixels;
  const std::int64_t group = static_cast<std::int64_t>(tile) * f.width + column;

  float mean[lanes] = {}, deviations[lanes] = {}, count = 0;
  if (group < f.groups) {
    const T* own = x + (sample * f.pixels * f.groups + group) * lanes;
    for (std::int64_t pixel = first + row; pixel < last; pixel += rows) {
      float v[lanes];
      cuda::load_lanes(own + pixel * f.channels(), v);
      count += 1;
      const float share = 1 / count;
      for (int k = 0; k < lanes; ++k) add_element(v[k], share, mean[k], deviations[k]);
    }
  }

  // Rows are merged in halves. Each quantity is an array over the threads, so that they use different banks.
  float* shared = cuda::shared_memory<float>();
  const auto at = [&](int quantity, unsigned thread) -> float& {
    return shared[static_cast<unsigned>(quantity) * threads + thread];
  };
  for (unsigned half = rows / 2; half > 0; half /= 2) {
    if (row >= half && row < 2 * half) {
      at(2 * lanes, threadIdx.x) = count;
      for (int k = 0; k < lanes; ++k) {
        at(k, threadIdx.x) = mean[k];
        at(lanes + k, threadIdx.x) = deviations[k];
      }
    }
    __syncthreads();
    if (row < half) {
      const unsigned other = threadIdx.x + half * f.width;
      const float others = at(2 * lanes, other), total = count + others;
      for (int k = 0; k < lanes; ++k) {
        Statistics<float> s{count, mean[k], deviations[k]};
        s.merge({others, at(k, other), at(lanes + k, other)});
        mean[k] = s.mean;
        deviations[k] = s.deviations;
      }
      count = total;
    }
    __syncthreads();
  }
  if (row > 0 || group >= f.groups) return;
  if (f.chunks == 1) {
    for (int k = 0; k < lanes; ++k) deviations[k] = Statistics<float>{count, mean[k], deviations[k]}.rstd(eps);
  }
  const std::int64_t to = part * f.channels() + group * lanes;
  cuda::store_lanes(mean_out + to, mean);
  cuda::store_lanes(second_out + to, deviations);
}

constexpr unsigned merge_columns = 32, merge_rows = 8;  // threads of a block: channels, and chunks at a time

/// Merges the chunks of each channel.
__global__ void moments_merge_kernel(const float* means, const float* deviations, float* mean_out, float* rstd_out,
                                     Features f, float eps) {
  const std::int64_t channels = f.channels(),
                     channel = static_cast<std::int64_t>(blockIdx.x) * merge_columns + threadIdx.x;
  const std::int64_t sample = blockIdx.y;
  Statistics<float> own;
  if (channel < channels) {
    for (std::int64_t chunk = threadIdx.y; chunk < f.chunks; chunk += merge_rows) {
      const std::int64_t from = (sample * f.chunks + chunk) * channels + channel, rest = f.pixels - chunk * f.chunk;
      own.merge({static_cast<float>(rest < f.chunk ? rest : f.chunk), means[from], deviations[from]});
    }
  }
  Statistics<float>* shared = cuda::shared_memory<Statistics<float>>();
  shared[threadIdx.y * merge_columns + threadIdx.x] = own;
  __syncthreads();
  if (threadIdx.y > 0 || channel >= channels) return;
  for (unsigned row = 1; row < merge_rows; ++row) own.merge(shared[row * merge_columns + threadIdx.x]);
  mean_out[sample * channels + channel] = own.mean;
  rstd_out[sample * channels + channel] = own.rstd(eps);
}

/// Features over all their pixels, or over samples and pixels.
std::optional<Features> as_features(const MomentsAttrs& a, const Type& x) {
  if (!cuda::in_lanes(x) || x.shape.numel() == 0) return std::nullopt;
  const std::int64_t samples = x.shape[0], pixels = x.shape[2] * x.shape[3], groups = x.shape[1] / cuda::lanes;
  if (a.axes == std::vector{2, 3}) return split(samples, pixels, groups);
  if (a.axes == std::vector{0, 2, 3}) return split(1, samples * pixels, groups);
  return std::nullopt;
}

template <class T>
Step lanes_step(const Features& f, float eps) {
  Step step;
  step.kernel = "moments cuda:lanes";
  const auto partials = static_cast<std::size_t>(f.samples * f.chunks * f.channels());
  if (f.chunks > 1) step.workspace = 2 * partials * sizeof(float);
  step.run = [f, eps, partials](const Buffers& b, Stream& stream) {
    const cudaStream_t queue = cuda::stream_of(stream);
    float *const mean = b.out_as<float>(0), *const rstd = b.out_as<float>(1);
    float* const means = f.chunks > 1 ? static_cast<float*>(b.workspace) : mean;
    float* const deviations = f.chunks > 1 ? means + partials : rstd;
    cuda::launch(moments_lanes_kernel<T>, static_cast<unsigned>(f.samples * f.chunks * f.tiles), threads,
                 (2 * cuda::lanes + 1) * threads * sizeof(float), queue, b.get<T>(0), means, deviations, f, eps);
    if (f.chunks == 1) return;
    const auto blocks = static_cast<unsigned>((f.channels() + merge_columns - 1) / merge_columns);
    cuda::launch(moments_merge_kernel, dim3(blocks, static_cast<unsigned>(f.samples)), dim3(merge_columns, merge_rows),
                 merge_columns * merge_rows * sizeof(Statistics<float>), queue, means, deviations, mean, rstd, f, eps);
  };
  return step;
}

// Any axes
// -------------------------------------------------------------------------------------------------------------

/// Axes that stay, and axes that are summed over, outermost first.
struct Axes {
  int count = 0;
  std::int64_t extent[Shape::max_rank] = {}, step[Shape::max_rank] = {}, size = 1;

  void add(std::int64_t e, std::int64_t s) {
    size *= e;
    if (count > 0 && step[count - 1] == e * s) {  // goes on where the axis before it does
      extent[count - 1] *= e;
      step[count - 1] = s;
    } else if (e != 1) {
      extent[count] = e;
      step[count++] = s;
    }
  }
  __device__ std::int64_t locate(std::int64_t i) const {
    std::int64_t at = 0;
    for (int axis = count - 1; axis > 0; --axis) {
      at += i % extent[axis] * step[axis];
      i /= extent[axis];
    }
    return count > 0 ? at + i * step[0] : 0;
  }
};

template <class T>
__global__ void moments_kernel(const T* x, T* mean_out, T* rstd_out, Axes kept, Axes summed, T eps) {
  const T* own = x + kept.locate(blockIdx.x);
  Statistics<T> s;
  for (std::int64_t i = threadIdx.x; i < summed.size; i += threads) {
    s.count += 1;
    add_element(own[summed.locate(i)], 1 / s.count, s.mean, s.deviations);
  }
  Statistics<T>* shared = cuda::shared_memory<Statistics<T>>();
  shared[threadIdx.x] = s;
  __syncthreads();
  for (unsigned half = threads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x].merge(shared[threadIdx.x + half]);
    __syncthreads();
  }
  if (threadIdx.x > 0) return;
  mean_out[blockIdx.x] = shared[0].mean;
  rstd_out[blockIdx.x] = shared[0].rstd(eps);
}

template <class T>
Step plain_step(const MomentsAttrs& a, const TensorDesc& x) {
  Axes kept, summed;
  const std::vector<std::int64_t> steps = cuda::steps_of(x);
  for (int axis = 0; axis < x.type.shape.rank(); ++axis) {
    const bool is_summed = std::find(a.axes.begin(), a.axes.end(), axis) != a.axes.end();
    (is_summed ? summed : kept).add(x.type.shape[axis], steps[static_cast<std::size_t>(axis)]);
  }
  Step step;
  step.kernel = "moments cuda";
  step.run = [kept, summed, eps = static_cast<T>(a.eps)](const Buffers& b, Stream& stream) {
    if (kept.size == 0) return;
    cuda::launch(moments_kernel<T>, static_cast<unsigned>(kept.size), threads, threads * sizeof(Statistics<T>),
                 cuda::stream_of(stream), b.get<T>(0), b.out_as<T>(0), b.out_as<T>(1), kept, summed, eps);
  };
  return step;
}

}  // namespace

std::optional<Step> moments_cuda(const MomentsAttrs& a, const Signature& s) {
  const TensorDesc& x = s.in[0];
  const bool row_major =
      std::all_of(s.out.begin(), s.out.end(), [](const auto& d) { return d.layout == Layout::nchw; });
  if (!row_major) return std::nullopt;
  if (x.layout != Layout::nchw) {
    const std::optional<Features> f = as_features(a, x.type);
    if (!f) return std::nullopt;
    return cuda::with_storage(x.layout, [&]<class T>() { return lanes_step<T>(*f, static_cast<float>(a.eps)); });
  }
  if (x.type.dtype == DType::f32) return plain_step<float>(a, x);
  if (x.type.dtype == DType::f64) return plain_step<double>(a, x);
  return std::nullopt;
}

std::vector<LayoutChoice> moments_cuda_layouts(const MomentsAttrs& a, std::span<const Type> in, std::span<const Type>,
                                               Precision precision) {
  const std::vector<Layout> out(2, Layout::nchw);
  std::vector<LayoutChoice> choices{{{Layout::nchw}, out, 0}};
  if (as_features(a, in[0])) choices.push_back({{cuda::feature_layout(precision)}, out, 0});
  return choices;
}

}  // namespace g2face
