// Upsampling by zeros, filtering, downsampling: zeros are never read, and taps that meet them are left out.
//
// blur_kernel: a 4 x 4 filter at one scale over features. A thread has eight channels of one column of the result and
// goes down some rows of it: a row of the image is filtered along x when the thread comes to it, and four of them make
// a row of the result. Each element is read once from memory; the three other times it comes from a cache.
// taps_kernel: a thread for each pixel (and eight channels of features), any factors, any filter.

#include <array>
#include <cmath>
#include <utility>

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/storage.cuh"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

struct Axis {
  int in, out, up, down, pad, taps;
};

/// x [samples][y.in][x.in][groups] -> [samples][y.out][x.out][groups]; a group is one element, or eight channels.
struct Geometry {
  std::int64_t samples;
  Axis y, x;
  int groups;
  bool flip;  // the filter; not where it correlates
};

/// The taps of an axis that meet samples for output o: first, first + up, ...; and the sample that the first one meets.
template <int up>
__device__ void meet(const Axis& axis, int o, int& first, int& sample) {
  const int factor = up > 0 ? up : axis.up;
  const int start = o * axis.down - axis.pad;  // among samples with zeros between
  first = start < 0 ? -start : (factor - start % factor) % factor;
  sample = (start + first) / factor;
}

template <int lanes, class T, class S>
__device__ void load(const T* from, S (&v)[lanes]) {
  if constexpr (lanes == 1) {
    v[0] = *from;
  } else {
    cuda::load_lanes(from, v);
  }
}
template <int lanes, class T, class S>
__device__ void store(T* to, const S (&v)[lanes]) {
  if constexpr (lanes == 1) {
    *to = v[0];
  } else {
    cuda::store_lanes(to, v);
  }
}

/// One output. `image` is the sample, at the thread's group.
template <int lanes, int up, class T, class S>
__device__ void sum_taps(const T* image, const S* f, const Geometry& g, int row, int column, S (&sum)[lanes]) {
  const int up_y = up > 0 ? up : g.y.up, up_x = up > 0 ? up : g.x.up, taps = g.y.taps * g.x.taps;
  int first_u, first_y, first_v, first_x;
  meet<up>(g.y, row, first_u, first_y);
  meet<up>(g.x, column, first_v, first_x);
  for (int k = 0; k < lanes; ++k) sum[k] = 0;
  for (int u = first_u, y = first_y; u < g.y.taps && y < g.y.in; u += up_y, ++y) {
    for (int v = first_v, x = first_x; v < g.x.taps && x < g.x.in; v += up_x, ++x) {
      const int tap = u * g.x.taps + v;
      const S weight = f[g.flip ? taps - 1 - tap : tap];
      S value[lanes];
      load(image + (static_cast<std::int64_t>(y) * g.x.in + x) * g.groups * lanes, value);
      for (int k = 0; k < lanes; ++k) sum[k] += weight * value[k];
    }
  }
}

/// A block has some groups and some columns: threadIdx.x and .y; blockIdx.x counts such tiles, groups first.
struct Tile {
  unsigned across;  // tiles that have all groups
  __device__ int group() const { return static_cast<int>(blockIdx.x % across * blockDim.x + threadIdx.x); }
  __device__ int column() const { return static_cast<int>(blockIdx.x / across * blockDim.y + threadIdx.y); }
};

// S: of sums and of the filter. up: the factor of both axes, if it is known; else 0.
template <int lanes, int up, class T, class S>
__global__ void taps_kernel(const T* x, const S* f, T* y, Geometry g, Tile tile) {
  const int group = tile.group(), column = tile.column(), row = static_cast<int>(blockIdx.y);
  if (group >= g.groups || column >= g.x.out) return;
  const std::int64_t in_size = static_cast<std::int64_t>(g.y.in) * g.x.in * g.groups,
                     out_size = static_cast<std::int64_t>(g.y.out) * g.x.out * g.groups,
                     to = (static_cast<std::int64_t>(row) * g.x.out + column) * g.groups + group;
  for (std::int64_t sample = blockIdx.z; sample < g.samples; sample += gridDim.z) {
    S sum[lanes];
    sum_taps<lanes, up>(x + (sample * in_size + group) * lanes, f, g, row, column, sum);
    store(y + (sample * out_size + to) * lanes, sum);
  }
}

// A 4 x 4 filter at one scale
// --------------------------------------------------------------------------------------------

constexpr int taps = 4;

/// The filter as the kernel wants it. Where it is no product of a column and a row, the kernel takes all taps.
struct BlurFilter {
  float column[taps], row[taps];
  float all[taps * taps];  // in the order of the image
  std::int32_t is_product;
};

BlurFilter blur_filter(const float* f, bool flip) {
  BlurFilter b{};
  for (int i = 0; i < taps * taps; ++i) b.all[i] = f[flip ? taps * taps - 1 - i : i];
  int largest = 0;
  for (int i = 1; i < taps * taps; ++i) {
    if (std::fabs(b.all[i]) > std::fabs(b.all[largest])) largest = i;
  }
  const float scale = b.all[largest];
  b.is_product = 1;
  for (int i = 0; i < taps; ++i) {
    b.column[i] = b.all[i * taps + largest % taps];
    b.row[i] = scale == 0 ? 0 : b.all[largest / taps * taps + i] / scale;
  }
  for (int i = 0; i < taps * taps; ++i) {
    const float product = b.column[i / taps] * b.row[i % taps];
    if (!(std::fabs(product - b.all[i]) <= 0x1p-22f * std::fabs(scale))) b.is_product = 0;
  }
  return b;
}

template <class T>
__global__ void blur_kernel(const T* x, const BlurFilter* f, T* y, Geometry g, Tile tile, int rows) {
  constexpr int lanes = cuda::lanes;
  const int group = tile.group(), column = tile.column(), first = static_cast<int>(blockIdx.y) * rows;
  if (group >= g.groups || column >= g.x.out) return;
  const int last = first + rows < g.y.out ? first + rows : g.y.out;
  const std::int64_t in_row = static_cast<std::int64_t>(g.x.in) * g.groups * lanes,
                     out_row = static_cast<std::int64_t>(g.x.out) * g.groups * lanes;
  for (std::int64_t sample = blockIdx.z; sample < g.samples; sample += gridDim.z) {
    const T* image = x + sample * g.y.in * in_row + group * lanes;
    T* to = y + sample * g.y.out * out_row + first * out_row + (column * g.groups + group) * lanes;
    if (f->is_product == 0) {
      for (int row = first; row < last; ++row, to += out_row) {
        float sum[lanes];
        sum_taps<lanes, 1>(image, f->all, g, row, column, sum);
        cuda::store_lanes(to, sum);
      }
      continue;
    }
    float weight_y[taps], weight_x[taps];
    cuda::unrolled<taps>([&](int i) {
      weight_y[i] = f->column[i];
      weight_x[i] = f->row[i];
    });
    float filtered[taps][lanes];  // rows of the image, the one for output row r at (r - first) % taps
    const auto filter_row = [&](int at, float(&sum)[lanes]) {
      cuda::unrolled<lanes>([&](int k) { sum[k] = 0; });
      if (at < 0 || at >= g.y.in) return;
      const T* from = image + at * in_row;
      cuda::unrolled<taps>([&](int v) {
        const int along = column - g.x.pad + v;
        if (along < 0 || along >= g.x.in) return;
        float value[lanes];
        cuda::load_lanes(from + static_cast<std::int64_t>(along) * g.groups * lanes, value);
        cuda::unrolled<lanes>([&](int k) { sum[k] += weight_x[v] * value[k]; });
      });
    };
    cuda::unrolled<taps - 1>([&](int u) { filter_row(first - g.y.pad + u, filtered[u]); });
    for (int start = first; start < last; start += taps) {
      cuda::unrolled<taps>([&](int i) {
        const int row = start + i;
        if (row >= last) return;
        filter_row(row - g.y.pad + taps - 1, filtered[(i + taps - 1) % taps]);
        float sum[lanes] = {};
        cuda::unrolled<taps>(
            [&](int u) { cuda::unrolled<lanes>([&](int k) { sum[k] += weight_y[u] * filtered[(i + u) % taps][k]; }); });
        cuda::store_lanes(to, sum);
        to += out_row;
      });
    }
  }
}

// ----------------------------------------------------------------------------------------------------------------------

constexpr unsigned threads = 256, most_groups = 16;

struct Launch {
  dim3 grid, block;
  Tile tile;
};

/// `rows` rows of the result for each thread. Blocks have more columns than groups where they can, since neighbouring
/// columns share their taps.
Launch launch_for(const Geometry& g, int rows) {
  unsigned groups = 1;
  while (groups < most_groups && static_cast<int>(groups) < g.groups) groups *= 2;
  const unsigned columns = threads / groups;
  const unsigned across = (static_cast<unsigned>(g.groups) + groups - 1) / groups;
  const unsigned tiles = across * ((static_cast<unsigned>(g.x.out) + columns - 1) / columns);
  const auto down = static_cast<unsigned>((g.y.out + rows - 1) / rows);
  const auto samples = static_cast<unsigned>(std::min<std::int64_t>(g.samples, 65535));
  return {dim3(tiles, down, samples), dim3(groups, columns), {across}};
}

template <int lanes, int up, class T, class S>
Step taps_step(const Geometry& g) {
  Step step;
  step.kernel = lanes == 1 ? "upfirdn2d cuda" : "upfirdn2d cuda:lanes";
  step.run = [g, l = launch_for(g, 1)](const Buffers& b, Stream& stream) {
    cuda::launch(taps_kernel<lanes, up, T, S>, l.grid, l.block, 0, cuda::stream_of(stream), b.get<T>(0), b.get<S>(1),
                 b.out_as<T>(), g, l.tile);
  };
  return step;
}

template <int lanes, class T, class S>
Step taps_step(const Geometry& g) {
  if (g.y.up == 1 && g.x.up == 1) return taps_step<lanes, 1, T, S>(g);
  if (g.y.up == 2 && g.x.up == 2) return taps_step<lanes, 2, T, S>(g);
  return taps_step<lanes, 0, T, S>(g);
}

template <class T>
Step blur_step(const Geometry& g) {
  // Long ways down repeat the start less often, but a GPU wants many threads.
  constexpr std::int64_t enough_threads = 1 << 17;
  int rows = 32;
  while (rows > taps && g.samples * g.x.out * g.groups * (g.y.out / rows) < enough_threads) rows /= 2;
  Step step;
  step.kernel = "upfirdn2d cuda:blur";
  step.packings.push_back({1, sizeof(BlurFilter), [flip = g.flip](const void* from, void* to) {
                             *static_cast<BlurFilter*>(to) = blur_filter(static_cast<const float*>(from), flip);
                           }});
  Geometry packed = g;
  packed.flip = false;
  step.run = [packed, rows, l = launch_for(g, rows)](const Buffers& b, Stream& stream) {
    cuda::launch(blur_kernel<T>, l.grid, l.block, 0, cuda::stream_of(stream), b.get<T>(0), b.get<BlurFilter>(1),
                 b.out_as<T>(), packed, l.tile, rows);
  };
  return step;
}

bool is_blur(const Geometry& g) {
  return g.y.up == 1 && g.x.up == 1 && g.y.down == 1 && g.x.down == 1 && g.y.taps == taps && g.x.taps == taps;
}

/// Nothing for images that 32 bits do not count.
std::optional<Geometry> geometry_of(const Upfirdn2dAttrs& a, const Signature& s, int lanes) {
  const Shape &x = s.in[0].type.shape, &f = s.in[1].type.shape, &y = s.out[0].type.shape;
  constexpr std::int64_t most = (std::int64_t{1} << 31) - 1;
  const bool fits = x[2] * a.up_y + std::max<std::int64_t>(a.pad_y0, 0) + f[0] <= most &&
                    x[3] * a.up_x + std::max<std::int64_t>(a.pad_x0, 0) + f[1] <= most && y[2] <= 65535 &&
                    y[3] * x[1] <= most;
  if (!fits) return std::nullopt;
  const auto axis = [](std::int64_t in, std::int64_t out, std::int64_t up, std::int64_t down, std::int64_t pad,
                       std::int64_t count) {
    return Axis{static_cast<int>(in),   static_cast<int>(out), static_cast<int>(up),
                static_cast<int>(down), static_cast<int>(pad), static_cast<int>(count)};
  };
  Geometry g{};
  g.samples = lanes == 1 ? x[0] * x[1] : x[0];
  g.groups = lanes == 1 ? 1 : static_cast<int>(x[1] / lanes);
  g.y = axis(x[2], y[2], a.up_y, a.down_y, a.pad_y0, f[0]);
  g.x = axis(x[3], y[3], a.up_x, a.down_x, a.pad_x0, f[1]);
  g.flip = !a.correlate;
  return g;
}

}  // namespace

std::optional<Step> upfirdn2d_cuda(const Upfirdn2dAttrs& a, const Signature& s) {
  const TensorDesc& x = s.in[0];
  const bool features = x.layout != Layout::nchw;
  const std::optional<Geometry> g = geometry_of(a, s, features ? cuda::lanes : 1);
  if (!g || s.out[0].layout != x.layout || (features && !cuda::in_lanes(x.type))) return std::nullopt;
  if (s.out[0].type.shape.numel() == 0) return Step{"upfirdn2d cuda", [](const Buffers&, Stream&) {}, 0, {}, {}};
  if (features) {
    return cuda::with_storage(x.layout, [&]<class T>() {
      return is_blur(*g) && s.known.size() > 1 && s.known[1] ? blur_step<T>(*g) : taps_step<cuda::lanes, T, float>(*g);
    });
  }
  if (x.type.dtype == DType::f32) return taps_step<1, float, float>(*g);
  if (x.type.dtype == DType::f64) return taps_step<1, double, double>(*g);
  return std::nullopt;
}

std::vector<LayoutChoice> upfirdn2d_cuda_layouts(const Upfirdn2dAttrs&, std::span<const Type> in, std::span<const Type>,
                                                 Precision precision) {
  std::vector<LayoutChoice> choices{{{Layout::nchw, Layout::nchw}, {Layout::nchw}, 0}};
  if (cuda::in_lanes(in[0])) {
    const Layout features = cuda::feature_layout(precision);
    choices.push_back({{features, Layout::nchw}, {features}, 0});
  }
  return choices;
}

}  // namespace g2face
