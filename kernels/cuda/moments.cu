// Means and deviations. Every thread follows mean and sum of squared deviations of its own elements (Welford 1962);
// they are merged as in Chan, Golub and LeVeque 1979, in a fixed order. Each element is read once.
//
// moments_lanes_kernel: features, over pixels. A block has up to 32 groups of eight channels and a range of pixels.
// moments_kernel: any axes. A block has a range of the elements of one result.
// moments_merge_kernel: what the blocks found, where one block cannot have all elements of a result.

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

/// The elements of a result in ranges, one for each block.
struct Ranges {
  std::int64_t size = 0, length = 1, count = 1;  // elements; elements of every range but the last; ranges
  __device__ std::int64_t length_of(std::int64_t range) const {
    const std::int64_t rest = size - range * length;
    return rest < length ? rest : length;
  }
};

/// For results that are this many blocks when each has all elements; `least`: of a range.
Ranges split(std::int64_t size, std::int64_t blocks, std::int64_t least) {
  constexpr std::int64_t enough_blocks = 1024;
  const std::int64_t wanted = std::max<std::int64_t>(1, enough_blocks / std::max<std::int64_t>(1, blocks));
  const std::int64_t length = std::max((size + wanted - 1) / wanted, least);
  return {size, length, std::max<std::int64_t>(1, (size + length - 1) / length)};
}

// Merging ranges
// -------------------------------------------------------------------------------------------------------------

constexpr unsigned merge_columns = 8, merge_rows = threads / merge_columns;  // threads: channels, and ranges at a time

/// The sum of a column of the block's threads, in each of them.
template <class T>
__device__ T column_sum(T value, T* scratch) {
  __syncthreads();  // an earlier sum may still be read
  scratch[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = merge_rows / 2; half > 0; half /= 2) {
    if (threadIdx.x < half * merge_columns) scratch[threadIdx.x] += scratch[threadIdx.x + half * merge_columns];
    __syncthreads();
  }
  return scratch[threadIdx.x % merge_columns];
}

/// From means and deviations [sample][range][channel], first the mean and then the deviations from it: plain sums,
/// whose loads do not wait for each other.
template <class T>
__global__ void moments_merge_kernel(const T* means, const T* deviations, T* mean_out, T* rstd_out,
                                     std::int64_t channels, Ranges ranges, T eps) {
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.x) * merge_columns + threadIdx.x % merge_columns;
  const std::int64_t sample = blockIdx.y, first = sample * ranges.count * channels + channel;
  const std::int64_t first_range = threadIdx.x / merge_columns, last_range = channel < channels ? ranges.count : 0;
  T* scratch = cuda::shared_memory<T>();

  const T origin = channel < channels ? means[first] : T(0);
  T sum = 0;
#pragma unroll 4
  for (std::int64_t range = first_range; range < last_range; range += merge_rows) {
    sum += static_cast<T>(ranges.length_of(range)) * (means[first + range * channels] - origin);
  }
  const T mean = origin + column_sum(sum, scratch) / static_cast<T>(ranges.size);
  T all = 0;
#pragma unroll 4
  for (std::int64_t range = first_range; range < last_range; range += merge_rows) {
    const T delta = means[first + range * channels] - mean;
    all += deviations[first + range * channels] + static_cast<T>(ranges.length_of(range)) * delta * delta;
  }
  all = column_sum(all, scratch);
  if (threadIdx.x >= merge_columns || channel >= channels) return;
  mean_out[sample * channels + channel] = mean;
  rstd_out[sample * channels + channel] = Statistics<T>{static_cast<T>(ranges.size), mean, all}.rstd(eps);
}

/// Makes the blocks of ranges write to the results, or to partial results in the workspace that are then merged.
template <class T, class WriteRanges>
void merge_ranges(const Buffers& b, cudaStream_t stream, std::int64_t samples, std::int64_t channels,
                  const Ranges& ranges, T eps, const WriteRanges& write) {
  T *const mean = b.out_as<T>(0), *const rstd = b.out_as<T>(1);
  if (ranges.count == 1) return write(mean, rstd);
  T *const means = static_cast<T*>(b.workspace), *const deviations = means + samples * ranges.count * channels;
  write(means, deviations);
  const auto blocks = static_cast<unsigned>((channels + merge_columns - 1) / merge_columns);
  cuda::launch(moments_merge_kernel<T>, dim3(blocks, static_cast<unsigned>(samples)), threads, threads * sizeof(T),
               stream, means, deviations, mean, rstd, channels, ranges, eps);
}

template <class T>
std::size_t merge_workspace(std::int64_t results, const Ranges& ranges) {
  return ranges.count > 1 ? 2 * static_cast<std::size_t>(results * ranges.count) * sizeof(T) : 0;
}

// Features
// -------------------------------------------------------------------------------------------------------------

/// x [samples][pixels][8 * groups] -> [samples][8 * groups].
struct Features {
  std::int64_t samples = 1, groups = 1;
  Ranges pixels;
  unsigned width = 1, tiles = 1;  // groups of a block, and blocks for all groups
  __host__ __device__ std::int64_t channels() const { return groups * cuda::lanes; }
};

Features features_of(std::int64_t samples, std::int64_t pixels, std::int64_t groups) {
  constexpr std::int64_t least_rounds = 8;
  Features f;
  f.samples = samples;
  f.groups = groups;
  f.width = std::min(32u, std::bit_ceil(static_cast<unsigned>(std::min<std::int64_t>(groups, 32))));
  f.tiles = static_cast<unsigned>((groups + f.width - 1) / f.width);
  f.pixels = split(pixels, samples * f.tiles, threads / f.width * least_rounds);
  return f;
}

/// Writes mean and rstd where a block has all pixels; else mean and deviations of its own, [sample][range][channel].
template <class T>
__global__ void moments_lanes_kernel(const T* x, float* mean_out, float* second_out, Features f, float eps) {
  constexpr int lanes = cuda::lanes;
  const unsigned column = threadIdx.x % f.width, row = threadIdx.x / f.width, rows = threads / f.width;
  const unsigned tile = blockIdx.x % f.tiles;
  const std::int64_t part = blockIdx.x / f.tiles;  // sample * ranges + range
  const std::int64_t sample = part / f.pixels.count, range = part % f.pixels.count;
  const std::int64_t first = range * f.pixels.length, last = first + f.pixels.length_of(range);
  const std::int64_t group = static_cast<std::int64_t>(tile) * f.width + column;

  float mean[lanes] = {}, deviations[lanes] = {}, count = 0;
  if (group < f.groups) {
    const T* own = x + (sample * f.pixels.size * f.groups + group) * lanes;
#pragma unroll 4
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
  if (f.pixels.count == 1) {
    for (int k = 0; k < lanes; ++k) deviations[k] = Statistics<float>{count, mean[k], deviations[k]}.rstd(eps);
  }
  const std::int64_t to = part * f.channels() + group * lanes;
  cuda::store_lanes(mean_out + to, mean);
  cuda::store_lanes(second_out + to, deviations);
}

/// Features over all their pixels, or over samples and pixels.
std::optional<Features> as_features(const MomentsAttrs& a, const Type& x) {
  if (!cuda::in_lanes(x) || x.shape.numel() == 0) return std::nullopt;
  const std::int64_t samples = x.shape[0], pixels = x.shape[2] * x.shape[3], groups = x.shape[1] / cuda::lanes;
  if (a.axes == std::vector{2, 3}) return features_of(samples, pixels, groups);
  if (a.axes == std::vector{0, 2, 3}) return features_of(1, samples * pixels, groups);
  return std::nullopt;
}

template <class T>
Step lanes_step(const Features& f, float eps) {
  Step step;
  step.kernel = "moments cuda:lanes";
  step.workspace = merge_workspace<float>(f.samples * f.channels(), f.pixels);
  step.run = [f, eps](const Buffers& b, Stream& stream) {
    const cudaStream_t queue = cuda::stream_of(stream);
    merge_ranges(b, queue, f.samples, f.channels(), f.pixels, eps, [&](float* mean, float* second) {
      cuda::launch(moments_lanes_kernel<T>, static_cast<unsigned>(f.samples * f.pixels.count * f.tiles), threads,
                   (2 * cuda::lanes + 1) * threads * sizeof(float), queue, b.get<T>(0), mean, second, f, eps);
    });
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

/// Writes mean and rstd where a block has all elements; else mean and deviations of its own, [range][result].
template <class T>
__global__ void moments_kernel(const T* x, T* mean_out, T* second_out, Axes kept, Axes summed, Ranges ranges, T eps) {
  const std::int64_t range = blockIdx.x / kept.size, first = range * ranges.length;
  const std::int64_t last = first + ranges.length_of(range);
  const T* own = x + kept.locate(blockIdx.x % kept.size);
  Statistics<T> s;
#pragma unroll 4
  for (std::int64_t i = first + threadIdx.x; i < last; i += threads) {
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
  second_out[blockIdx.x] = ranges.count == 1 ? shared[0].rstd(eps) : shared[0].deviations;
}

template <class T>
Step plain_step(const MomentsAttrs& a, const TensorDesc& x) {
  Axes kept, summed;
  const std::vector<std::int64_t> steps = cuda::steps_of(x);
  for (int axis = 0; axis < x.type.shape.rank(); ++axis) {
    const bool is_summed = std::find(a.axes.begin(), a.axes.end(), axis) != a.axes.end();
    (is_summed ? summed : kept).add(x.type.shape[axis], steps[static_cast<std::size_t>(axis)]);
  }
  constexpr std::int64_t least_rounds = 4;
  const Ranges ranges = split(summed.size, kept.size, threads * least_rounds);
  Step step;
  step.kernel = "moments cuda";
  step.workspace = merge_workspace<T>(kept.size, ranges);
  step.run = [kept, summed, ranges, eps = static_cast<T>(a.eps)](const Buffers& b, Stream& stream) {
    if (kept.size == 0) return;
    const cudaStream_t queue = cuda::stream_of(stream);
    merge_ranges(b, queue, 1, kept.size, ranges, eps, [&](T* mean, T* second) {
      cuda::launch(moments_kernel<T>, static_cast<unsigned>(kept.size * ranges.count), threads,
                   threads * sizeof(Statistics<T>), queue, b.get<T>(0), mean, second, kept, summed, ranges, eps);
    });
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
