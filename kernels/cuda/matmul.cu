// Matrix products c = op(a) op(b). Every sum has a fixed order. With few rows it does not depend on their number: a
// batch gives the bits that its members give alone.
//
// few rows (f32, m <= 16): bound by reading b once, whose bytes are all that counts.
//   row products, b as n rows of k: a block makes m x 4 elements of c. Its warps take turns along k, 128 elements (256
//     of 16 bits) of each of the 4 rows at a time; lanes, warps and, where n is small, blocks are added up in order.
//     What is known at load and not stored so is packed so; large weights in 16 bits if the precision is a 16-bit one.
//   column sums, b as k rows of n (not known at load): the same for m x 128 elements of c and 4 warps.
// tiled (all else): a block makes 64x64 elements of c from tiles of 64x16 in shared memory, each thread 4x4 of them: 32
//   multiply-adds for each element read.

#include <algorithm>
#include <limits>
#include <type_traits>

#include "kernels/block.cuh"
#include "kernels/cuda/cublas.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"
#include "kernels/narrow.cuh"

namespace g2face {
namespace {

/// An operand as rows along k: element (i, k) of a, or (j, k) of b, is `row` and `column` steps away.
struct Operand {
  std::int64_t row, column, batch;
};

struct Product {
  std::int64_t batches, m, n, k;
  Operand a, b;
};

Operand operand(std::int64_t rows, std::int64_t inner, bool rows_are_contiguous) {
  return rows_are_contiguous ? Operand{1, rows, rows * inner} : Operand{inner, 1, rows * inner};
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// ---- tiled

constexpr int tile = 64, tile_depth = 16;
constexpr int own = 4;            // a thread has own x own elements of c
constexpr int padded = tile + 4;  // keeps rows apart in the banks, and aligned
constexpr int tile_size = tile_depth * padded;

template <class T>
struct alignas(16) Four {
  T v[own];
};

/// Brings tiles of an operand to shared memory, as [k][row]. A thread has four elements of each, such that neighbouring
/// threads read neighbours in memory.
template <class T>
class TileReader {
 public:
  __device__ TileReader(const T* x, const Operand& o, std::int64_t first, std::int64_t rows, std::int64_t inner) {
    const int t = static_cast<int>(threadIdx.x);
    const bool along_k = o.column == 1;
    row_ = along_k ? t / tile_depth : t % tile;
    k_ = along_k ? t % tile_depth : t / tile;
    row_jump_ = along_k ? tile / own : 0;
    k_jump_ = along_k ? 0 : tile_depth / own;
    at_ = x + (first + row_) * o.row + k_ * o.column;
    jump_ = row_jump_ * o.row + k_jump_ * o.column;
    advance_ = tile_depth * o.column;
    rows_left_ = rows - first - row_;
    k_left_ = inner - k_;
  }
  __device__ void read_next() {
#pragma unroll
    for (int i = 0; i < own; ++i) {
      held_.v[i] = i * row_jump_ < rows_left_ && i * k_jump_ < k_left_ ? at_[i * jump_] : T(0);
    }
    at_ += advance_;
    k_left_ -= tile_depth;
  }
  __device__ void store(T* shared) const {
#pragma unroll
    for (int i = 0; i < own; ++i) shared[(k_ + i * k_jump_) * padded + row_ + i * row_jump_] = held_.v[i];
  }

 private:
  const T* at_;
  std::int64_t jump_, advance_, rows_left_, k_left_;
  int row_, k_, row_jump_, k_jump_;
  Four<T> held_;
};

template <class T>
__device__ Four<T> read_four(const T* shared) {
  return *reinterpret_cast<const Four<T>*>(shared);
}

template <class T>
__global__ void tiled_kernel(const T* a, const T* b, T* c, Product p) {
  const std::int64_t column_tiles = (p.n + tile - 1) / tile, row_tiles = (p.m + tile - 1) / tile;
  const std::int64_t batch = blockIdx.x / column_tiles / row_tiles;
  const std::int64_t first_row = blockIdx.x / column_tiles % row_tiles * tile;
  const std::int64_t first_column = blockIdx.x % column_tiles * tile;
  const int row = static_cast<int>(threadIdx.x) / (tile / own) * own;
  const int column = static_cast<int>(threadIdx.x) % (tile / own) * own;

  TileReader<T> reads_a(a + batch * p.a.batch, p.a, first_row, p.m, p.k);
  TileReader<T> reads_b(b + batch * p.b.batch, p.b, first_column, p.n, p.k);
  reads_a.read_next();
  reads_b.read_next();
  Four<T> sums[own] = {};
  T* shared = cuda::shared_memory<T>();
  for (std::int64_t k = 0; k < p.k; k += tile_depth) {
    // Two pairs of tiles take turns: while one is read, the next is written, and one barrier keeps them apart.
    T* tile_a = shared + k / tile_depth % 2 * (2 * tile_size);
    T* tile_b = tile_a + tile_size;
    reads_a.store(tile_a);
    reads_b.store(tile_b);
    __syncthreads();
    if (k + tile_depth < p.k) {
      reads_a.read_next();
      reads_b.read_next();
    }
#pragma unroll
    for (int i = 0; i < tile_depth; ++i) {
      const Four<T> x = read_four(tile_a + i * padded + row), y = read_four(tile_b + i * padded + column);
#pragma unroll
      for (int r = 0; r < own; ++r) {
#pragma unroll
        for (int s = 0; s < own; ++s) sums[r].v[s] += x.v[r] * y.v[s];
      }
    }
  }

  T* to = c + (batch * p.m + first_row + row) * p.n + first_column + column;
#pragma unroll
  for (int r = 0; r < own; ++r, to += p.n) {
    if (first_row + row + r >= p.m) return;
    if (p.n % own == 0 && first_column + column < p.n) {
      *reinterpret_cast<Four<T>*>(to) = sums[r];
      continue;
    }
#pragma unroll
    for (int s = 0; s < own; ++s)
      if (first_column + column + s < p.n) to[s] = sums[r].v[s];
  }
}

template <class T>
Step tiled_step(const Product& p) {
  Step step;
  step.kernel = "matmul cuda:tiled";
  step.run = [p](const Buffers& b, Stream& stream) {
    const std::int64_t blocks = p.batches * divide_up(p.m, tile) * divide_up(p.n, tile);
    cuda::launch(tiled_kernel<T>, static_cast<unsigned>(blocks), (tile / own) * (tile / own), 4 * tile_size * sizeof(T),
                 cuda::stream_of(stream), b.get<T>(0), b.get<T>(1), b.out_as<T>(), p);
  };
  return step;
}

// ---- few rows

constexpr std::int64_t most_rows = 16;
constexpr int lanes = static_cast<int>(cuda::warp_size);
constexpr int most_warps = 12;              // of a block of row products: leaves registers for 16 rows
constexpr int columns_of_rows = 4;          // of c, for each block of row products
constexpr int columns_of_sums = 4 * lanes;  // of column sums
constexpr std::int64_t to_fill = 132;       // blocks that splitting along k aims at: multiprocessors of an H100

/// What the kernels for few rows of a know of a product. An int is enough to count the elements of a matrix a.
struct FewRows {
  std::int64_t batches, n, a_batch;
  int m, k, a_row, a_column;
  int groups, splits;  // blocks along n and k
  int warps;           // of a block
};

/// Rows of b in f32, as they are. A lane takes every 32nd element.
struct PlainRows {
  using Element = float;
  static constexpr int each = 4;
  struct Chunk {
    float v[each];
    __device__ float operator[](int i) const { return v[i]; }
  };

  const float* data;
  std::int64_t stride;
  int k, lane;
  __device__ Chunk read(std::int64_t row, int first) const {
    const int at = first + lane;
    Chunk chunk;
#pragma unroll
    for (int i = 0; i < each; ++i) chunk.v[i] = at + i * lanes < k ? data[row * stride + at + i * lanes] : 0.f;
    return chunk;
  }
};

/// Rows of b in 16 bits, filled up with zeros and in an order in which the elements of a lane lie together.
template <class T>
struct PackedRows {
  using Element = T;
  static constexpr int each = 8;
  struct alignas(16) Chunk {
    std::uint32_t pairs[each / 2];
    __device__ float operator[](int i) const {
      const float2 pair = cuda::unpack<T>(pairs[i / 2]);
      return i % 2 == 0 ? pair.x : pair.y;
    }
  };

  const T* data;
  std::int64_t stride;
  int k, lane;
  __device__ Chunk read(std::int64_t row, int first) const {
    return *reinterpret_cast<const Chunk*>(data + row * stride + first + lane * each);
  }
};

/// Adds up what the warps of a block found for rows x columns elements of c, in order.
template <int rows, int columns>
__device__ void write_sums(const float* found, float* c, const FewRows& f, std::int64_t batch, std::int64_t first) {
  for (int t = static_cast<int>(threadIdx.x); t < rows * columns; t += static_cast<int>(blockDim.x)) {
    float sum = found[t];
    for (int warp = 1; warp < f.warps; ++warp) sum += found[warp * rows * columns + t];
    const int i = t / columns;
    const std::int64_t j = first + t % columns;
    if (i < f.m && j < f.n) c[((blockIdx.y * f.batches + batch) * f.m + i) * f.n + j] = sum;
  }
}

template <class Rows, int rows>
__global__ void __launch_bounds__(most_warps* lanes)
    row_products_kernel(const float* a, const typename Rows::Element* b, float* c, FewRows f, std::int64_t b_stride) {
  constexpr int each = Rows::each, count = rows * columns_of_rows;
  const int block = static_cast<int>(blockIdx.x);
  const std::int64_t batch = block / f.groups, first = std::int64_t{block % f.groups} * columns_of_rows;
  const int lane = static_cast<int>(threadIdx.x) % lanes, warp = static_cast<int>(threadIdx.x) / lanes;
  const Rows weights{b + batch * f.n * b_stride, b_stride, f.k, lane};
  a += batch * f.a_batch;

  float sums[count] = {};
  constexpr int step = each * lanes;
  for (int k = (static_cast<int>(blockIdx.y) * f.warps + warp) * step; k < f.k; k += f.splits * f.warps * step) {
    typename Rows::Chunk w[columns_of_rows];
#pragma unroll
    for (int j = 0; j < columns_of_rows; ++j) w[j] = weights.read(min(first + j, f.n - 1), k);
#pragma unroll
    for (int t = 0; t < each; ++t) {
      const int at = k + lane + t * lanes;
#pragma unroll
      for (int i = 0; i < rows; ++i) {
        const float factor = at < f.k && i < f.m ? a[at * f.a_column + i * f.a_row] : 0.f;
#pragma unroll
        for (int j = 0; j < columns_of_rows; ++j) sums[i * columns_of_rows + j] += factor * w[j][t];
      }
    }
  }

  float* found = cuda::shared_memory<float>();
  cuda::warp_sums<count>(sums);
  constexpr int kept = count > lanes ? count / lanes : 1, sharing = count > lanes ? 1 : lanes / count;
  if (lane % sharing == 0) {
#pragma unroll
    for (int i = 0; i < kept; ++i) found[warp * count + lane / sharing * kept + i] = sums[i];
  }
  __syncthreads();
  write_sums<rows, columns_of_rows>(found, c, f, batch, first);
}

template <int rows>
__global__ void column_sums_kernel(const float* a, const float* b, float* c, FewRows f) {
  constexpr int each = columns_of_sums / lanes, count = rows * columns_of_sums;
  const int block = static_cast<int>(blockIdx.x);
  const std::int64_t batch = block / f.groups, first = std::int64_t{block % f.groups} * columns_of_sums;
  const int lane = static_cast<int>(threadIdx.x) % lanes, warp = static_cast<int>(threadIdx.x) / lanes;
  a += batch * f.a_batch;
  b += batch * f.k * f.n + first + lane;

  float sums[rows][each] = {};
#pragma unroll 4
  for (int k = static_cast<int>(blockIdx.y) * f.warps + warp; k < f.k; k += f.splits * f.warps) {
    float w[each];
#pragma unroll
    for (int j = 0; j < each; ++j) w[j] = first + lane + j * lanes < f.n ? b[k * f.n + j * lanes] : 0.f;
#pragma unroll
    for (int i = 0; i < rows; ++i) {
      const float factor = i < f.m ? a[k * f.a_column + i * f.a_row] : 0.f;
#pragma unroll
      for (int j = 0; j < each; ++j) sums[i][j] += factor * w[j];
    }
  }

  float* found = cuda::shared_memory<float>();
#pragma unroll
  for (int i = 0; i < rows; ++i) {
#pragma unroll
    for (int j = 0; j < each; ++j) found[warp * count + i * columns_of_sums + lane + j * lanes] = sums[i][j];
  }
  __syncthreads();
  write_sums<rows, columns_of_sums>(found, c, f, batch, first);
}

// c from the `splits` parts of it, in order.
__global__ void add_parts_kernel(const float* parts, float* c, std::int64_t n, std::int64_t splits) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    float sum = parts[i];
    for (std::int64_t s = 1; s < splits; ++s) sum += parts[s * n + i];
    c[i] = sum;
  }
}

/// Splits the `steps` along k among so many blocks that the device is full, if each warp keeps `least` of them.
FewRows few_rows(const Product& p, int columns, int warps, int steps, int least) {
  FewRows f{};
  f.batches = p.batches;
  f.n = p.n;
  f.a_batch = p.a.batch;
  f.m = static_cast<int>(p.m);
  f.k = static_cast<int>(p.k);
  f.a_row = static_cast<int>(p.a.row);
  f.a_column = static_cast<int>(p.a.column);
  f.groups = static_cast<int>(divide_up(p.n, columns));
  f.warps = warps;
  f.splits = std::max(1, std::min(steps / (least * warps), static_cast<int>(to_fill / (f.groups * p.batches))));
  return f;
}

dim3 grid_of(const FewRows& f) {
  return {static_cast<unsigned>(f.groups * f.batches), static_cast<unsigned>(f.splits)};
}

/// `start` enqueues what makes c, or the parts of it: start(buffers, parts, stream).
template <class Start>
Step few_rows_step(const char* name, const FewRows& f, const Start& start) {
  const std::int64_t n = f.batches * f.m * f.n;
  Step step;
  step.kernel = f.splits == 1 ? std::string(name) : str(name, " split:", f.splits);
  if (f.splits == 1) {
    step.run = [start](const Buffers& b, Stream& s) { start(b, b.out_as<float>(), cuda::stream_of(s)); };
    return step;
  }
  step.workspace = static_cast<std::size_t>(f.splits * n) * sizeof(float);
  step.run = [start, n, splits = f.splits](const Buffers& b, Stream& s) {
    auto* parts = static_cast<float*>(b.workspace);
    start(b, parts, cuda::stream_of(s));
    cuda::launch(add_parts_kernel, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(s), parts,
                 b.out_as<float>(), n, splits);
  };
  return step;
}

// There are kernels for 1, 4 and 16 rows: what is between costs little, since b is read once.
int rows_for(std::int64_t m) { return m == 1 ? 1 : m <= 4 ? 4 : static_cast<int>(most_rows); }

template <class Rows>
Step row_products_step(const char* name, const Product& p, std::int64_t b_stride) {
  const int steps = static_cast<int>(divide_up(p.k, Rows::each * lanes));
  const FewRows f = few_rows(p, columns_of_rows, std::min(steps, most_warps), steps, 4);
  const auto kernel = p.m == 1   ? row_products_kernel<Rows, 1>
                      : p.m <= 4 ? row_products_kernel<Rows, 4>
                                 : row_products_kernel<Rows, most_rows>;
  const std::size_t shared = sizeof(float) * static_cast<std::size_t>(f.warps * rows_for(p.m) * columns_of_rows);
  return few_rows_step(name, f, [=](const Buffers& b, float* c, cudaStream_t stream) {
    cuda::launch(kernel, grid_of(f), static_cast<unsigned>(f.warps * lanes), shared, stream, b.get<float>(0),
                 b.get<typename Rows::Element>(1), c, f, b_stride);
  });
}

Step column_sums_step(const Product& p) {
  constexpr int warps = 4;
  const FewRows f = few_rows(p, columns_of_sums, warps, static_cast<int>(p.k), 8);
  const auto kernel = p.m == 1   ? column_sums_kernel<1>
                      : p.m <= 4 ? column_sums_kernel<4>
                                 : column_sums_kernel<most_rows>;
  const std::size_t shared = sizeof(float) * static_cast<std::size_t>(warps * rows_for(p.m) * columns_of_sums);
  return few_rows_step("matmul cuda:columns", f, [=](const Buffers& b, float* c, cudaStream_t stream) {
    cuda::launch(kernel, grid_of(f), static_cast<unsigned>(warps * lanes), shared, stream, b.get<float>(0),
                 b.get<float>(1), c, f);
  });
}

/// Packs b as rows of f32.
Packing pack_rows(const Product& p) {
  const auto pack = [p](const void* from, void* to) {
    const auto* x = static_cast<const float*>(from);
    auto* y = static_cast<float*>(to);
    for (std::int64_t batch = 0; batch < p.batches; ++batch, x += p.b.batch) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        for (std::int64_t k = 0; k < p.k; ++k) *y++ = x[j * p.b.row + k * p.b.column];
      }
    }
  };
  return {1, static_cast<std::size_t>(p.batches * p.n * p.k) * sizeof(float), pack};
}

template <class T>
T narrow(float v) {
  if constexpr (std::is_same_v<T, bf16>) {
    return to_bf16(v);
  } else {
    return to_f16(v);
  }
}

/// Packs b as PackedRows expects it.
template <class T>
Packing pack_narrow(const Product& p, std::int64_t stride) {
  constexpr std::int64_t each = PackedRows<T>::each, length = each * lanes;
  const auto pack = [p, stride](const void* from, void* to) {
    const auto* x = static_cast<const float*>(from);
    auto* y = static_cast<T*>(to);
    for (std::int64_t batch = 0; batch < p.batches; ++batch, x += p.b.batch) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        for (std::int64_t at = 0; at < stride; ++at) {
          const std::int64_t k = at / length * length + at % length / each + at % each * lanes;
          *y++ = narrow<T>(k < p.k ? x[j * p.b.row + k * p.b.column] : 0.f);
        }
      }
    }
  };
  return {1, static_cast<std::size_t>(p.batches * p.n * stride) * sizeof(T), pack};
}

template <class T>
Step narrow_step(const char* name, const Product& p) {
  const std::int64_t stride = divide_up(p.k, PackedRows<T>::each * lanes) * PackedRows<T>::each * lanes;
  Step step = row_products_step<PackedRows<T>>(name, p, stride);
  step.packings.push_back(pack_narrow<T>(p, stride));
  return step;
}

Step step_for_few_rows(const Product& p, const Signature& s) {
  const bool known = s.known[1];
  // Below that what is saved is less than the time of a launch, and small factors such as those of demodulation keep
  // their digits.
  constexpr std::int64_t narrow_from = std::int64_t{1} << 20;
  if (known && p.batches * p.n * p.k >= narrow_from) {
    if (s.precision == Precision::bf16) return narrow_step<bf16>("matmul cuda:rows:bf16", p);
    if (s.precision == Precision::f16) return narrow_step<f16>("matmul cuda:rows:f16", p);
  }
  const bool are_rows = p.b.column == 1;
  if (!are_rows && !known) return column_sums_step(p);
  Step step = row_products_step<PlainRows>("matmul cuda:rows", p, p.k);
  if (!are_rows) step.packings.push_back(pack_rows(p));
  return step;
}

Step nothing() {
  Step step;
  step.kernel = "matmul cuda:nothing";
  step.run = [](const Buffers&, Stream&) {};
  return step;
}

Product product_of(const MatmulAttrs& attrs, const Signature& s) {
  const Shape &a = s.in[0].type.shape, &c = s.out[0].type.shape;
  const std::int64_t m = c[-2], n = c[-1], k = attrs.transpose_a ? a[-2] : a[-1];
  return {c.numel() / (m * n), m, n, k, operand(m, k, attrs.transpose_a), operand(n, k, !attrs.transpose_b)};
}

bool has_few_rows(const Product& p) {
  return p.m <= most_rows && p.k > 0 && p.k <= std::numeric_limits<int>::max() / (2 * most_rows);
}

}  // namespace

std::optional<Step> matmul_cuda(const MatmulAttrs& attrs, const Signature& s) {
  const bool single = cuda::is_plain(s, DType::f32);
  if (!single && !cuda::is_plain(s, DType::f64)) return std::nullopt;
  if (s.out[0].type.shape.numel() == 0) return nothing();
  const Product p = product_of(attrs, s);
  if (!single) return tiled_step<double>(p);
  return has_few_rows(p) ? step_for_few_rows(p, s) : tiled_step<float>(p);
}

std::vector<Step> matmul_cuda_others(const MatmulAttrs& attrs, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32) || s.out[0].type.shape.numel() == 0) return {};
  const Product p = product_of(attrs, s);
  std::vector<Step> steps =
      cuda::cublaslt_steps("matmul", {p.batches, p.m, p.n, p.k, attrs.transpose_a, attrs.transpose_b}, s.precision);
  if (has_few_rows(p)) steps.push_back(tiled_step<float>(p));
  return steps;
}

}  // namespace g2face
