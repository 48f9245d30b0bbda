// What is decided before implicit_gemm.cuh runs: the shape of the product, the format of weights, the tile and the
// number of splits; and the small kernels around it, which pack weights and add partial sums.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "kernels/cuda/implicit_gemm.cuh"
#include "kernels/cuda/step.hpp"

namespace g2face::cuda {
namespace {

// Pixels of tiles, pieces of x and bytes of a row of packed weights are numbered in int, rows and columns in 16 bits.
bool fits(const GemmConv& c) {
  constexpr double most = std::numeric_limits<int>::max();
  constexpr int edge = 1 << 13;
  const double pixels = 1.0 * c.batch * c.height * c.width, results = 1.0 * c.batch * c.out_height * c.out_width;
  double depth = 0;
  for (int s = 0; s < c.sources; ++s) {
    if (pixels * c.channels[s] / 4 >= most) return false;
    depth += c.channels[s] + step_bytes;  // filled up to a step
  }
  for (int i = 0; i < c.phases; ++i) {
    const GemmPhase& p = c.phase[i];
    if (std::max(std::abs(p.pad_h), std::abs(p.pad_w)) >= edge) return false;
    if (static_cast<double>(p.kernel_h) * p.kernel_w * depth * sizeof(float) >= most) return false;
  }
  return pixels < most && results < most && std::max({c.height, c.width, c.out_height, c.out_width}) < edge;
}

// What does not fit is told by fits().
int narrow(std::int64_t v) { return static_cast<int>(std::min<std::int64_t>(v, 1 << 30)); }

GemmConv product_of(const Shape& x, const Shape& y) {
  GemmConv c;
  c.batch = narrow(x[0]);
  c.channels[0] = narrow(x[1]);
  c.height = narrow(x[2]);
  c.width = narrow(x[3]);
  c.outs = narrow(y[1]);
  c.out_height = narrow(y[2]);
  c.out_width = narrow(y[3]);
  return c;
}

std::optional<GemmConv> if_it_fits(const GemmConv& c) { return fits(c) ? std::optional(c) : std::nullopt; }

// Along one axis, the taps of the gradient's pixels first, first + stride, ...: pixel i of them reads dy at i - pad + u
// through tap last - u * stride.
struct PhaseAxis {
  int taps, pad, last, extent;
};
PhaseAxis phase_axis(int first, int stride, int pad, int kernel, int extent) {
  const int at = first + pad, lowest = at % stride;
  const int taps = kernel > lowest ? (kernel - 1 - lowest) / stride + 1 : 0;
  const int last = lowest + (taps - 1) * stride;
  return {taps, (last - at) / stride, last, extent > first ? (extent - first - 1) / stride + 1 : 0};
}

}  // namespace

std::optional<GemmConv> gemm_of_conv2d(const Conv2dAttrs& a, const Shape& x, const Shape& w, const Shape& y) {
  if (a.groups != 1) return std::nullopt;
  GemmConv c = product_of(x, y);
  c.stride_h = narrow(a.stride[0]);
  c.stride_w = narrow(a.stride[1]);
  GemmPhase& p = c.phase[0];
  p.kernel_h = narrow(w[2]);
  p.kernel_w = narrow(w[3]);
  p.pad_h = narrow(a.pad[0]);
  p.pad_w = narrow(a.pad[1]);
  p.height = c.out_height;
  p.width = c.out_width;
  c.w_out = w[1] * w[2] * w[3];
  c.w_channel = w[2] * w[3];
  c.w_width = narrow(w[3]);
  return if_it_fits(c);
}

std::optional<GemmConv> gemm_of_input_grad(const Conv2dAttrs& a, const Shape& dy, const Shape& w, const Shape& dx) {
  if (a.groups != 1 || a.stride[0] * a.stride[1] > GemmConv::max_phases) return std::nullopt;
  GemmConv c = product_of(dy, dx);
  const int stride_h = narrow(a.stride[0]), stride_w = narrow(a.stride[1]);
  c.out_step_h = stride_h;
  c.out_step_w = stride_w;
  c.tap_step_h = -stride_h;
  c.tap_step_w = -stride_w;
  c.phases = stride_h * stride_w;
  for (int i = 0; i < c.phases; ++i) {
    GemmPhase& p = c.phase[i];
    p.first_row = i / stride_w;
    p.first_column = i % stride_w;
    const PhaseAxis v = phase_axis(p.first_row, stride_h, narrow(a.pad[0]), narrow(w[2]), c.out_height);
    const PhaseAxis h = phase_axis(p.first_column, stride_w, narrow(a.pad[1]), narrow(w[3]), c.out_width);
    p.kernel_h = v.taps;
    p.kernel_w = h.taps;
    p.pad_h = v.pad;
    p.pad_w = h.pad;
    p.height = v.extent;
    p.width = h.extent;
    p.first_tap_h = v.last;
    p.first_tap_w = h.last;
  }
  // Blocks start in the order of phases: the longest sums first.
  std::stable_sort(c.phase, c.phase + c.phases, [](const GemmPhase& p, const GemmPhase& q) {
    return p.kernel_h * p.kernel_w > q.kernel_h * q.kernel_w;
  });
  c.w_out = w[2] * w[3];
  c.w_channel = w[1] * w[2] * w[3];
  c.w_width = narrow(w[3]);
  return if_it_fits(c);
}

std::optional<GemmConv> gemm_of_concat(std::span<const Shape> xs, const Shape& w) {
  if (xs.size() > GemmConv::max_sources) return std::nullopt;
  GemmConv c = product_of(xs[0], xs[0].with(1, w[0]));
  c.sources = static_cast<int>(xs.size());
  for (std::size_t s = 0; s < xs.size(); ++s) c.channels[s] = narrow(xs[s][1]);
  c.phase[0].height = c.out_height;
  c.phase[0].width = c.out_width;
  c.w_out = w[1];
  c.w_channel = 1;
  return if_it_fits(c);
}

namespace {

// The element of w that stands at `depth` of the sums of an output channel in a phase, or -1 for what fills up a step.
__device__ std::int64_t element_of_w(const GemmConv& c, const GemmPhase& p, int out, int depth) {
  int first_channel = 0;
  for (int s = 0; s < c.sources; ++s) {
    const int length = p.kernel_h * p.kernel_w * c.padded[s];
    if (depth < length) {
      const int tap = depth / c.padded[s], channel = depth % c.padded[s];
      if (channel >= c.channels[s]) return -1;
      const int u = p.first_tap_h + tap / p.kernel_w * c.tap_step_h,
                v = p.first_tap_w + tap % p.kernel_w * c.tap_step_w;
      return out * c.w_out + (first_channel + channel) * c.w_channel + u * c.w_width + v;
    }
    depth -= length;
    first_channel += c.channels[s];
  }
  return -1;
}

// Packs the weights of a phase: blocks count output channels along y, and along x what their sums go over.
template <class Math>
__global__ void pack_weights_kernel(const float* w, typename StorageOf<Math>::type* packed, const GemmConv conv,
                                    int phase_index) {
  using Storage = typename StorageOf<Math>::type;
  const GemmPhase phase = conv.phase[phase_index];
  const int length = phase.steps * elements_of_step<Storage>;
  const int depth = static_cast<int>(thread_index());
  if (depth >= length) return;
  for (int out = static_cast<int>(blockIdx.y); out < conv.outs; out += static_cast<int>(gridDim.y)) {
    const std::int64_t from = element_of_w(conv, phase, out, depth);
    const float v = from < 0 ? 0.f : w[from];
    Storage& to = packed[phase.weights + static_cast<std::int64_t>(out) * length + depth];
    if constexpr (std::is_same_v<Math, tf32>) {
      to = __uint_as_float(to_tf32(v));
    } else {
      to = from_f32<Storage>(v);
    }
  }
}

template <class Math>
auto rounded_on_host(float v) {
  if constexpr (std::is_same_v<Math, bf16>) {
    return to_bf16(v);
  } else if constexpr (std::is_same_v<Math, f16>) {
    return to_f16(v);
  } else if constexpr (std::is_same_v<Math, tf32>) {  // as to_tf32: to the nearest, ties away from zero
    return std::isfinite(v) ? std::bit_cast<float>((std::bit_cast<std::uint32_t>(v) + 0x1000u) & ~0x1fffu) : v;
  } else {
    return v;
  }
}

// The same for all phases on the host, without a division for each element.
template <class Math>
void pack_on_host(const GemmConv& conv, const float* w, typename StorageOf<Math>::type* packed) {
  constexpr std::int64_t step = elements_of_step<typename StorageOf<Math>::type>;
  for (int i = 0; i < conv.phases; ++i) {
    const GemmPhase& p = conv.phase[i];
    for (int out = 0; out < conv.outs; ++out) {
      auto* to = packed + p.weights + out * p.steps * step;
      auto* const end = to + p.steps * step;
      const float* source = w + out * conv.w_out;
      for (int s = 0; s < conv.sources; source += conv.channels[s++] * conv.w_channel) {
        for (int u = 0; u < p.kernel_h; ++u) {
          for (int v = 0; v < p.kernel_w; ++v) {
            const float* tap =
                source + (p.first_tap_h + u * conv.tap_step_h) * conv.w_width + p.first_tap_w + v * conv.tap_step_w;
            for (int c = 0; c < conv.padded[s]; ++c) {
              *to++ = rounded_on_host<Math>(c < conv.channels[s] ? tap[c * conv.w_channel] : 0.f);
            }
          }
        }
      }
      std::fill(to, end, rounded_on_host<Math>(0.f));
    }
  }
}

// Adds the partial sums of each element of y in order. A thread has `width` neighbours, so that it reads 16 bytes at a
// time where it can: 4 bytes an element and split, and what is written.
template <int width, class Out>
__global__ void sum_splits_kernel(const float* partial, Out* y, std::int64_t count, int splits) {
  for (std::int64_t i = thread_index() * width; i < count; i += thread_count() * width) {
    float sum[width] = {};
    for (int s = 0; s < splits; ++s) {
      const float* from = partial + s * count + i;
      if constexpr (width == 4) {
        const float4 v = *reinterpret_cast<const float4*>(from);
        sum[0] += v.x;
        sum[1] += v.y;
        sum[2] += v.z;
        sum[3] += v.w;
      } else {
        sum[0] += *from;
      }
    }
    if constexpr (width == 4 && sizeof(Out) == 2) {
      *reinterpret_cast<uint2*>(y + i) = make_uint2(pack<Out>(sum[0], sum[1]), pack<Out>(sum[2], sum[3]));
    } else {
#pragma unroll
      for (int e = 0; e < width; ++e) y[i + e] = from_f32<Out>(sum[e]);
    }
  }
}

template <class Out>
void sum_splits(const float* partial, void* y, std::int64_t count, int splits, cudaStream_t stream) {
  if (count % 4 == 0) {
    launch(sum_splits_kernel<4, Out>, blocks_for(count / 4), threads_per_block, 0, stream, partial,
           static_cast<Out*>(y), count, splits);
  } else {
    launch(sum_splits_kernel<1, Out>, blocks_for(count), threads_per_block, 0, stream, partial, static_cast<Out*>(y),
           count, splits);
  }
}

// The same for a program that makes results of the sums: what it reads and writes beside 4 bytes an element and split.
template <class Out>
__global__ void sum_splits_program_kernel(const float* partial, std::int64_t count, int splits,
                                          const __grid_constant__ GemmProgram program) {
  constexpr int width = elements_of_piece<Out>;
  for (std::int64_t i = thread_index() * width; i < count; i += thread_count() * width) {
    float sum[width] = {}, v[width];
#pragma unroll 4
    for (int s = 0; s < splits; ++s) {
      load_vector<width>(partial + s * count + i, v);
      unrolled<width>([&](int e) { sum[e] += v[e]; });
    }
    const auto pixel = static_cast<int>(i / program.outs);
    run_epilogue<Out>(program, sum, pixel / program.pixels, pixel, static_cast<int>(i % program.outs));
  }
}

struct Machine {
  int multiprocessors = 0, shared_bytes = 0;
  bool has_wgmma = false;
};
Machine this_machine() {
  int device = 0;
  Machine m;
  m.multiprocessors = multiprocessors();
  m.has_wgmma = has_wgmma();
  check_call(cudaGetDevice(&device), "cudaGetDevice");
  check_call(cudaDeviceGetAttribute(&m.shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
             "cudaDeviceGetAttribute");
  return m;
}

std::int64_t tiles_of(const GemmConv& c, const GemmPhase& p, const GemmVariant& v) {
  const auto ceil_div = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  return ceil_div(static_cast<std::int64_t>(c.batch) * p.height * p.width, v.rows) * ceil_div(c.outs, v.columns);
}

// Nanoseconds on an H200, roughly: of a multiprocessor's share of products and of bytes from the second-level cache.
template <class Math>
double estimate(const GemmConv& c, const GemmVariant& v, int splits, const Machine& machine) {
  constexpr bool on_tensor_cores = !std::is_same_v<Math, float>, narrow = sizeof(typename StorageOf<Math>::type) == 2;
  const double products = v.warpgroups ? 2560 : on_tensor_cores ? (narrow ? 1800 : 900) : 170;
  const double bytes = v.warpgroups ? 62 : 48, start_and_end = v.warpgroups ? 3000 : 1500;
  constexpr double second_pass = 2500, bytes_of_all = 7000;
  const double tile = static_cast<double>(v.rows) * v.columns;
  const double step = std::max(tile * elements_of_step<typename StorageOf<Math>::type> / products,
                               static_cast<double>(v.rows + v.columns) * step_bytes / bytes);
  double blocks = 0, work = 0;
  for (int i = 0; i < c.phases; ++i) {
    const double n = static_cast<double>(tiles_of(c, c.phase[i], v)) * splits;
    blocks += n;
    work += n * (start_and_end + std::ceil(static_cast<double>(c.phase[i].steps) / splits) * step);
  }
  const double time = std::ceil(blocks / machine.multiprocessors) * work / std::max(blocks, 1.0);
  if (splits == 1) return time;
  const double results = static_cast<double>(c.batch) * c.out_height * c.out_width * c.outs;
  return time + second_pass + results * static_cast<double>(sizeof(float)) * 2 * splits / bytes_of_all;
}

/// All tiles and splits for a product, the one of the lowest estimate first.
template <class Math>
std::vector<GemmChoice> by_estimate(const GemmConv& c, bool gathers, bool from_f32) {
  const Machine machine = this_machine();
  const std::span<const GemmVariant> all = gemm_variants<Math>();
  int most_steps = 1;
  for (int i = 0; i < c.phases; ++i) most_steps = std::max(most_steps, c.phase[i].steps);
  std::vector<std::pair<double, GemmChoice>> choices;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const GemmVariant& v = all[i];
    if (v.gathers != gathers || (gathers && v.from_f32 != from_f32) || v.shared_bytes > machine.shared_bytes) continue;
    if (v.warpgroups && !machine.has_wgmma) continue;
    for (const int splits : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32}) {
      if (splits > most_steps) break;
      choices.push_back({estimate<Math>(c, v, splits, machine), {static_cast<int>(i), splits}});
    }
  }
  std::stable_sort(choices.begin(), choices.end(), [](const auto& p, const auto& q) { return p.first < q.first; });
  std::vector<GemmChoice> sorted;
  for (const auto& [time, choice] : choices) sorted.push_back(choice);
  return sorted;
}

bool is_nhwc(const TensorDesc& d) {
  const Shape& s = d.type.shape;
  return d.layout == Layout::nhwc || (d.layout == Layout::nchw && (s[2] * s[3] == 1 || s[1] == 1));
}

// Whether x has to be gathered, and if so its strides.
bool gather_strides(GemmConv& c, const TensorDesc& x, int elements) {
  const Shape& s = x.type.shape;
  const std::int64_t pixels = s[2] * s[3];
  const bool in_channels = is_nhwc(x) || is_narrow(x.layout);
  bool whole_pieces = true;
  for (int i = 0; i < c.sources; ++i) whole_pieces = whole_pieces && c.channels[i] % elements == 0;
  if (in_channels && whole_pieces && is_narrow(x.layout) == (elements == 8)) return false;
  c.x_sample = s[1] * pixels;
  c.x_channel = in_channels ? 1 : pixels;
  c.x_row = s[3] * (in_channels ? s[1] : 1);
  c.x_column = in_channels ? s[1] : 1;
  return true;
}

// Fills in the format of packed weights, and returns their number.
std::int64_t lay_out_weights(GemmConv& c, bool gathers, int step) {
  for (int s = 0; s < c.sources; ++s) {
    c.padded[s] = gathers ? c.channels[s] : (c.channels[s] + step - 1) / step * step;
  }
  std::int64_t count = 0;
  for (int i = 0; i < c.phases; ++i) {
    GemmPhase& p = c.phase[i];
    int depth = 0;
    for (int s = 0; s < c.sources; ++s) depth += p.kernel_h * p.kernel_w * c.padded[s];
    p.steps = (depth + step - 1) / step;
    p.weights = count;
    count += static_cast<std::int64_t>(c.outs) * p.steps * step;
  }
  return count;
}

// Everything that was decided about a step.
struct Product {
  GemmConv conv;
  GemmVariant variant{};
  int splits = 1;
  bool packed_at_load = false, to_f32 = false;
  std::optional<GemmProgram> program;
  std::size_t partial_at = 0;  // in the workspace, behind weights that are packed there
  std::int64_t results = 0;
};

// Packs the weights of this run into the workspace.
template <class Math>
void pack_weights(const GemmConv& conv, const float* w, void* to, cudaStream_t stream) {
  using Storage = typename StorageOf<Math>::type;
  for (int i = 0; i < conv.phases; ++i) {
    const unsigned length = static_cast<unsigned>(conv.phase[i].steps * elements_of_step<Storage>);
    if (length == 0 || conv.outs == 0) continue;
    const dim3 grid((length + threads_per_block - 1) / threads_per_block,
                    static_cast<unsigned>(std::min(conv.outs, 65535)));
    launch(pack_weights_kernel<Math>, grid, threads_per_block, 0, stream, w, static_cast<Storage*>(to), conv, i);
  }
}

template <class Math>
void run(const Product& p, const Buffers& b, cudaStream_t stream) {
  if (p.results == 0) return;
  const auto w_input = static_cast<std::size_t>(p.conv.sources);
  GemmMemory memory{};
  for (std::size_t i = 0; i < w_input; ++i) memory.x[i] = b.in[i];
  memory.w = b.in[w_input];
  if (!p.packed_at_load) {
    pack_weights<Math>(p.conv, static_cast<const float*>(memory.w), b.workspace, stream);
    memory.w = b.workspace;
  }
  const bool is_split = p.splits > 1;
  auto* partial = reinterpret_cast<float*>(static_cast<char*>(b.workspace) + p.partial_at);
  memory.splits = p.splits;
  memory.split_size = p.results;
  memory.y = is_split ? partial : b.out[0];
  std::optional<GemmProgram> program = p.program;
  if (program) {
    for (std::size_t i = w_input + 1; i < b.in.size(); ++i) program->in[i - w_input].data = b.in[i];
    std::copy(b.out.begin(), b.out.end(), program->out);
  }
  std::int64_t tiles = 0;
  for (int i = 0; i < p.conv.phases; ++i) tiles = std::max(tiles, tiles_of(p.conv, p.conv.phase[i], p.variant));
  const dim3 grid(static_cast<unsigned>(tiles), 1, static_cast<unsigned>(p.conv.phases * p.splits));
  if (program && !is_split) return p.variant.run_program(p.conv, memory, *program, grid, stream);
  (is_split || p.to_f32 ? p.variant.store_f32 : p.variant.store)(p.conv, memory, grid, stream);
  if (!is_split) return;
  if (program) {
    using Out = typename StorageOf<Math>::type;
    launch(sum_splits_program_kernel<Out>, blocks_for(p.results / elements_of_piece<Out>), threads_per_block, 0, stream,
           partial, p.results, p.splits, *program);
  } else if (p.to_f32) {
    sum_splits<float>(partial, b.out[0], p.results, p.splits, stream);
  } else {
    sum_splits<typename StorageOf<Math>::type>(partial, b.out[0], p.results, p.splits, stream);
  }
}

template <class Math>
std::optional<Step> make_step(const std::string& op, const GemmConv& conv, const Signature& s,
                              std::optional<GemmChoice> choice, const GemmEpilogue* epilogue, const char* math) {
  using Storage = typename StorageOf<Math>::type;
  const TensorDesc &x = s.in[0], &y = s.out[0];
  Product p;
  p.conv = conv;
  const bool gathers = gather_strides(p.conv, x, elements_of_piece<Storage>), from_f32 = !is_narrow(x.layout);
  if (gathers && conv.sources > 1) return std::nullopt;
  const auto weights = static_cast<std::size_t>(lay_out_weights(p.conv, gathers, elements_of_step<Storage>));
  if (!choice) {
    const std::vector<GemmChoice> all = by_estimate<Math>(p.conv, gathers, from_f32);
    if (all.empty()) return std::nullopt;
    choice = all.front();
  }
  p.variant = gemm_variants<Math>()[static_cast<std::size_t>(choice->variant)];
  if (p.variant.gathers != gathers || (gathers && p.variant.from_f32 != from_f32)) return std::nullopt;
  if (p.variant.warpgroups && !has_wgmma()) return std::nullopt;
  p.splits = choice->splits;
  p.packed_at_load = s.known[s.in.size() - 1];
  p.to_f32 = !is_narrow(y.layout);
  p.results = y.type.shape.numel();
  if (epilogue != nullptr) {
    const bool stored_alike = p.to_f32 == (sizeof(Storage) == sizeof(float));
    if (p.variant.run_program == nullptr || !stored_alike || conv.outs % elements_of_piece<Storage> != 0) {
      return std::nullopt;
    }
    p.program = program_of(*epilogue, y.type.shape, is_narrow(y.layout));
  }
  p.partial_at = p.packed_at_load ? 0 : (weights * sizeof(Storage) + 255) / 256 * 256;

  Step step;
  step.kernel = str(op, " gemm:", math, p.variant.warpgroups ? " wgmma " : " ", p.variant.rows, "x", p.variant.columns,
                    gathers ? " gathered" : "");
  if (p.program && p.program->compiled < 0) step.kernel += " interpreted";
  if (p.splits > 1) step.kernel += str(" split:", p.splits);
  step.workspace = p.partial_at + (p.splits > 1 ? static_cast<std::size_t>(p.results * p.splits) * sizeof(float) : 0);
  const auto product = std::make_shared<const Product>(p);
  if (p.packed_at_load) {
    step.packings.push_back(
        {conv.sources, std::max<std::size_t>(weights * sizeof(Storage), 1), [product](const void* from, void* to) {
           pack_on_host<Math>(product->conv, static_cast<const float*>(from), static_cast<Storage*>(to));
         }});
  }
  step.run = [product](const Buffers& b, Stream& stream) { run<Math>(*product, b, stream_of(stream)); };
  return step;
}

// Calls f with the arithmetic of a signature, by the rule of implicit_gemm_step.
template <class F>
auto with_math(const Signature& s, const F& f) {
  const auto stored = [&s](Layout layout) {
    const auto has = [layout](const TensorDesc& d) { return d.layout == layout; };
    return std::any_of(s.in.begin(), s.in.end(), has) || std::any_of(s.out.begin(), s.out.end(), has);
  };
  if (stored(Layout::nhwc_bf16)) return f(std::type_identity<bf16>(), "bf16");
  if (stored(Layout::nhwc_f16)) return f(std::type_identity<f16>(), "f16");
  const bool exact = s.precision == Precision::strict || s.precision == Precision::fast;
  return exact ? f(std::type_identity<float>(), "f32") : f(std::type_identity<tf32>(), "tf32");
}

}  // namespace

std::optional<Step> implicit_gemm_step(const std::string& op, const GemmConv& conv, const Signature& s,
                                       std::optional<GemmChoice> choice, const GemmEpilogue* epilogue) {
  const auto is_f32 = [](const TensorDesc& d) { return d.type.dtype == DType::f32; };
  const auto is_image = [](const TensorDesc& d) { return is_nhwc(d) || is_narrow(d.layout); };
  const auto images = s.in.first(s.in.size() - 1);
  if (!std::all_of(s.in.begin(), s.in.end(), is_f32) || !is_f32(s.out[0]) || !is_image(s.out[0])) return std::nullopt;
  if (s.in.back().layout != Layout::nchw) return std::nullopt;
  const bool nchw = images.size() == 1 && images[0].layout == Layout::nchw;
  const auto like_first = [&](const TensorDesc& d) {
    return is_image(d) && is_narrow(d.layout) == is_narrow(images[0].layout);
  };
  if (!nchw && !std::all_of(images.begin(), images.end(), like_first)) return std::nullopt;
  return with_math(s, [&](auto math, const char* name) {
    return make_step<typename decltype(math)::type>(op, conv, s, choice, epilogue, name);
  });
}

std::vector<Step> implicit_gemm_steps(const std::string& op, const GemmConv& conv, const Signature& s,
                                      const GemmEpilogue* epilogue) {
  constexpr std::size_t most = 12;
  const auto choices = with_math(s, [&]<class Math>(std::type_identity<Math>, const char*) {
    using Storage = typename StorageOf<Math>::type;
    GemmConv c = conv;
    const bool gathers = gather_strides(c, s.in[0], elements_of_piece<Storage>);
    lay_out_weights(c, gathers, elements_of_step<Storage>);
    return by_estimate<Math>(c, gathers, !is_narrow(s.in[0].layout));
  });
  std::vector<Step> steps;
  for (const GemmChoice& choice : choices) {
    auto step = implicit_gemm_step(op, conv, s, choice, epilogue);
    if (step && steps.size() < most) steps.push_back(std::move(*step));
  }
  return steps;
}

int implicit_gemm_variants(const Signature& s) {
  return with_math(s, [](auto math, const char*) {
    return static_cast<int>(gemm_variants<typename decltype(math)::type>().size());
  });
}

}  // namespace g2face::cuda
