#pragma once
// The kernel of implicit_gemm.hpp, for the files that instantiate it, one for each arithmetic.
//
// A block makes a tile of y, `rows` pixels by `columns` channels, in steps of 128 bytes of depth: 64 elements of 16
// bits or 32 of 32. A ring of `stages` pairs of tiles in shared memory is filled by asynchronous copies, a step ahead
// of the products for each stage but one; a step lies in one tap, so that copying it takes an addition for each 16
// bytes. Rows of a tile are 128 bytes whose eight pieces are swapped by the row (piece ^ row % 8): neither the copies
// nor the loads of a matrix meet a bank twice. Sums leave through shared memory, and are written 16 bytes at a time.
//
// A block reads (rows + columns) * 128 bytes a step for rows * columns * elements products: 85 products for each byte
// from the second-level cache at 256 x 128 in 16 bits, 64 at 128 x 128.

#include <cstdint>
#include <span>

#include "kernels/cuda/gemm_epilogue.cuh"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/launch.cuh"
#include "kernels/mma.cuh"

namespace g2face::cuda {

constexpr int step_bytes = 128, piece_bytes = 16, pieces = step_bytes / piece_bytes;

/// How an arithmetic stores its operands: float multiplies as float, tf32 rounds what it loads.
template <class Math>
struct StorageOf {
  using type = Math;
};
template <>
struct StorageOf<tf32> {
  using type = float;
};
template <class T>
constexpr int elements_of_piece = piece_bytes / static_cast<int>(sizeof(T));
template <class T>
constexpr int elements_of_step = step_bytes / static_cast<int>(sizeof(T));

struct GemmMemory {
  const void* x[GemmConv::max_sources];
  const void* w;  // packed
  void* y;
  int splits;
  std::int64_t split_size;  // elements between the partial sums of two splits
};

struct GemmVariant {
  int rows = 0, columns = 0, shared_bytes = 0;
  bool gathers = false, from_f32 = false;  // reads x element by element, and that is f32
  bool warpgroups = false;                 // multiplies by wgmma
  using Store = void (*)(const GemmConv&, const GemmMemory&, dim3 grid, cudaStream_t);
  Store store = nullptr, store_f32 = nullptr;  // y as the arithmetic stores it, or in f32
  // Runs a program instead, whose results are as the arithmetic stores them; null if it gathers.
  void (*run_program)(const GemmConv&, const GemmMemory&, const GemmProgram&, dim3 grid, cudaStream_t) = nullptr;
};

/// Defined for float, tf32, bf16 and f16, in the files implicit_gemm_*.cu.
template <class Math>
std::span<const GemmVariant> gemm_variants();

/// A pixel of the tile: where its window begins in x, which may be outside, and where it lies in y (-1: nowhere).
struct TileRow {
  int pixel;
  std::int16_t row, column;
  int sample, out;
};

template <class T>
__device__ uint4 piece_of(const float (&v)[elements_of_piece<T>]) {
  if constexpr (sizeof(T) == 2) {
    return {pack<T>(v[0], v[1]), pack<T>(v[2], v[3]), pack<T>(v[4], v[5]), pack<T>(v[6], v[7])};
  } else {
    return {__float_as_uint(v[0]), __float_as_uint(v[1]), __float_as_uint(v[2]), __float_as_uint(v[3])};
  }
}

/// Where a piece of a row lies in a tile of shared memory.
inline __device__ int swizzled(int row, int piece) { return row * step_bytes + ((piece ^ (row & 7)) << 4); }

/// Copies tiles of x whose channels are whole pieces, step by step.
template <class Math, int rows, int threads>
class CopiedPixels {
 public:
  using Storage = typename StorageOf<Math>::type;

  __device__ CopiedPixels(const GemmConv& conv, const GemmPhase& phase, const GemmMemory& memory, const TileRow* tile,
                          int first_step)
      : conv_(conv), memory_(memory), tile_(tile), kernel_h_(phase.kernel_h), kernel_w_(phase.kernel_w) {
    const int taps = kernel_h_ * kernel_w_;
    if (taps == 0) return;
    int steps = conv.padded[0] / elements_of_step<Storage>;
    while (source_ + 1 < conv.sources && first_step >= taps * steps) {
      first_step -= taps * steps;
      steps = conv.padded[++source_] / elements_of_step<Storage>;
    }
    const int tap = first_step / steps;
    u_ = tap / kernel_w_;
    v_ = tap % kernel_w_;
    piece_ = first_step % steps * pieces;
    enter_tap();
  }

  __device__ void copy(char* to) {
    const bool in_channels = piece_ + column() < pieces_;
    const char* from = source_data_ + static_cast<std::int64_t>(piece_) * piece_bytes;
    to += swizzled(first_row(), column());
#pragma unroll
    for (int i = 0; i < passes; ++i) {
      cp_async_16(to + i * row_step * step_bytes, from + static_cast<std::int64_t>(offset_[i]) * piece_bytes,
                  in_channels && (inside_ >> i & 1u) != 0);
    }
    piece_ += pieces;
    if (piece_ >= pieces_) next_tap();
  }

 private:
  static constexpr int row_step = threads / pieces, passes = rows / row_step;
  static_assert(row_step % 8 == 0 && passes <= 32);

  static __device__ int first_row() { return static_cast<int>(threadIdx.x) / pieces; }
  static __device__ int column() { return static_cast<int>(threadIdx.x) % pieces; }

  __device__ void next_tap() {
    piece_ = 0;
    if (++v_ == kernel_w_) {
      v_ = 0;
      if (++u_ == kernel_h_) {
        u_ = 0;
        if (++source_ == conv_.sources) return;
      }
    }
    enter_tap();
  }

  __device__ void enter_tap() {
    pieces_ = conv_.channels[source_] / elements_of_piece<Storage>;
    source_data_ = static_cast<const char*>(memory_.x[source_]);
    inside_ = 0;
#pragma unroll
    for (int i = 0; i < passes; ++i) {
      const TileRow& at = tile_[first_row() + i * row_step];
      const int row = at.row + u_, column_of_x = at.column + v_;
      const bool inside = static_cast<unsigned>(row) < static_cast<unsigned>(conv_.height) &&
                          static_cast<unsigned>(column_of_x) < static_cast<unsigned>(conv_.width);
      inside_ |= static_cast<unsigned>(inside) << i;
      offset_[i] = (at.pixel + u_ * conv_.width + v_) * pieces_ + column();
    }
  }

  const GemmConv& conv_;
  const GemmMemory& memory_;
  const TileRow* tile_;
  int kernel_h_, kernel_w_;
  int source_ = 0, u_ = 0, v_ = 0;
  int piece_ = 0, pieces_ = 0;  // of the channels of this tap
  const char* source_data_ = nullptr;
  int offset_[passes];  // of the pixels of this tap, in pieces
  unsigned inside_ = 0;
};

/// Gathers tiles of x element by element, whatever its strides and the number of its channels; the sum has no gaps
/// between taps.
template <class Math, class In, int rows, int threads>
class GatheredPixels {
 public:
  using Storage = typename StorageOf<Math>::type;

  __device__ GatheredPixels(const GemmConv& conv, const GemmPhase& phase, const GemmMemory& memory, const TileRow* tile,
                            int first_step)
      : conv_(conv), kernel_h_(phase.kernel_h), kernel_w_(phase.kernel_w), step_(first_step) {
    const TileRow& at = tile[row()];
    row_of_x_ = at.row;
    column_of_x_ = at.column;
    pixel_ = static_cast<const In*>(memory.x[0]) + at.sample * conv.x_sample + at.row * conv.x_row +
             at.column * conv.x_column;
  }

  __device__ void copy(char* to) {
    constexpr int elements = elements_of_piece<Storage>;
    for (int piece = first_piece(); piece < pieces; piece += threads / rows) {
      const int k = step_ * elements_of_step<Storage> + piece * elements;
      int c = k % conv_.channels[0], u = k / conv_.channels[0] / kernel_w_, v = k / conv_.channels[0] % kernel_w_;
      float values[elements] = {};
#pragma unroll
      for (int e = 0; e < elements; ++e) {
        if (u >= kernel_h_) continue;  // behind the last tap
        const bool inside = static_cast<unsigned>(row_of_x_ + u) < static_cast<unsigned>(conv_.height) &&
                            static_cast<unsigned>(column_of_x_ + v) < static_cast<unsigned>(conv_.width);
        values[e] = inside ? to_f32(pixel_[u * conv_.x_row + v * conv_.x_column + c * conv_.x_channel]) : 0.f;
        if (++c == conv_.channels[0]) {
          c = 0;
          if (++v == kernel_w_) {
            v = 0;
            ++u;
          }
        }
      }
      *reinterpret_cast<uint4*>(to + swizzled(row(), piece)) = piece_of<Storage>(values);
    }
    ++step_;
  }

 private:
  static_assert(threads % rows == 0);
  static __device__ int row() { return static_cast<int>(threadIdx.x) % rows; }  // neighbours read neighbours
  static __device__ int first_piece() { return static_cast<int>(threadIdx.x) / rows; }

  const GemmConv& conv_;
  int kernel_h_, kernel_w_, step_;
  int row_of_x_, column_of_x_;
  const In* pixel_;
};

/// Copies tiles of packed weights, step by step.
template <int columns, int threads>
class CopiedWeights {
 public:
  __device__ CopiedWeights(const void* phase_weights, int first_column, int outs, int steps, int first_step)
      : column_(first_column + static_cast<int>(threadIdx.x) / pieces), outs_(outs), pitch_(steps * step_bytes) {
    from_ = static_cast<const char*>(phase_weights) + static_cast<std::int64_t>(column_) * pitch_ +
            first_step * step_bytes + static_cast<int>(threadIdx.x) % pieces * piece_bytes;
  }

  __device__ void copy(char* to) {
    to += swizzled(static_cast<int>(threadIdx.x) / pieces, static_cast<int>(threadIdx.x) % pieces);
#pragma unroll
    for (int i = 0; i < columns / row_step; ++i) {
      cp_async_16(to + i * row_step * step_bytes, from_ + static_cast<std::int64_t>(i) * row_step * pitch_,
                  column_ + i * row_step < outs_);
    }
    from_ += step_bytes;
  }

 private:
  static constexpr int row_step = threads / pieces;
  int column_, outs_, pitch_;
  const char* from_;
};

/// The products of a tile on tensor cores: each warp has a part of `warp_rows` x `warp_columns`. What the next products
/// need is loaded while the last are made, into the other one of two sets of registers.
template <class Math, int warp_rows, int warp_columns, int warps_across>
class TensorProduct {
 public:
  static constexpr int loads = 4;  // of 32 bytes of depth in a step: one mma_sync, or for tf32 the same in floats

  __device__ TensorProduct() {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    a_offset_ = swizzled(first_row() + lane % 16, lane / 16);
    b_offset_ = swizzled(first_column() + lane % 8 + lane / 16 * 8, lane / 8 % 2);
  }

  /// Pieces 2k and 2k + 1 of the rows of both tiles. (The offset of a piece is that of piece 0 or 1, but for two bits.)
  __device__ void load(int set, const char* a, const char* b, int k) {
#pragma unroll
    for (int i = 0; i < warp_rows / 16; ++i) {
      ldmatrix_x4(a_[set][i], a + (a_offset_ ^ (k << 5)) + i * 16 * step_bytes);
      if constexpr (std::is_same_v<Math, tf32>) {
#pragma unroll
        for (std::uint32_t& bits : a_[set][i]) bits = to_tf32(__uint_as_float(bits));
      }
    }
#pragma unroll
    for (int j = 0; j < warp_columns / 16; ++j) {
      ldmatrix_x4(b_[set][j], b + (b_offset_ ^ (k << 5)) + j * 16 * step_bytes);
    }
  }

  __device__ void multiply(int set) {
#pragma unroll
    for (int i = 0; i < warp_rows / 16; ++i) {
#pragma unroll
      for (int j = 0; j < warp_columns / 8; ++j) {
        const std::uint32_t b[2] = {b_[set][j / 2][j % 2 * 2], b_[set][j / 2][j % 2 * 2 + 1]};
        mma_sync<Math>(sum_[i][j], a_[set][i], b);
      }
    }
  }

  __device__ void store(float* to, int pitch) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    to += (first_row() + lane / 4) * pitch + first_column() + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < warp_rows / 16; ++i) {
#pragma unroll
      for (int j = 0; j < warp_columns / 8; ++j) {
        float* at = to + i * 16 * pitch + j * 8;
        *reinterpret_cast<float2*>(at) = make_float2(sum_[i][j][0], sum_[i][j][1]);
        *reinterpret_cast<float2*>(at + 8 * pitch) = make_float2(sum_[i][j][2], sum_[i][j][3]);
      }
    }
  }

 private:
  static __device__ int first_row() { return static_cast<int>(threadIdx.x) / 32 / warps_across * warp_rows; }
  static __device__ int first_column() { return static_cast<int>(threadIdx.x) / 32 % warps_across * warp_columns; }

  int a_offset_, b_offset_;
  std::uint32_t a_[2][warp_rows / 16][4], b_[2][warp_columns / 16][4];
  float sum_[warp_rows / 16][warp_columns / 8][4] = {};
};

/// The products of a tile in f32: each thread has 8 rows and 4 columns, spread so that a warp reads 4 rows and 8
/// columns at a time.
template <int rows>
class FloatProduct {
 public:
  static constexpr int loads = pieces;

  __device__ void load(int set, const char* a, const char* b, int k) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      a_[set][i] = *reinterpret_cast<const float4*>(a + swizzled(first_row() + i * rows / 8, k));
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      b_[set][j] = *reinterpret_cast<const float4*>(b + swizzled(first_column() + j * 16, k));
    }
  }

  __device__ void multiply(int set) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float4 a = a_[set][i], b = b_[set][j];
        sum_[i][j] += a.x * b.x;
        sum_[i][j] += a.y * b.y;
        sum_[i][j] += a.z * b.z;
        sum_[i][j] += a.w * b.w;
      }
    }
  }

  __device__ void store(float* to, int pitch) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) to[(first_row() + i * rows / 8) * pitch + first_column() + j * 16] = sum_[i][j];
    }
  }

 private:
  static __device__ int first_row() {
    return static_cast<int>(threadIdx.x) % 32 / 8 + static_cast<int>(threadIdx.x) / 64 * 4;
  }
  static __device__ int first_column() {
    return static_cast<int>(threadIdx.x) % 8 + static_cast<int>(threadIdx.x) / 32 % 2 * 8;
  }

  float4 a_[2][8], b_[2][4];
  float sum_[8][4] = {};
};

/// The epilogue that stores sums as they are.
struct Unchanged {};

template <class Math, int rows_, int columns_, int stages_, int threads_, int blocks_, class Product_>
struct GemmTile {
  static constexpr int rows = rows_, columns = columns_, stages = stages_, threads = threads_, blocks = blocks_;
  static constexpr int stage_bytes = (rows + columns) * step_bytes;
  static constexpr int pitch = columns + 8;  // of the sums: eight rows on, another eight banks
  static constexpr int shared_bytes = stages * stage_bytes + rows * static_cast<int>(sizeof(TileRow));
  static_assert(rows * pitch * static_cast<int>(sizeof(float)) <= stages * stage_bytes);
  using Product = Product_;
};

template <class Tile>
__device__ void find_rows(const GemmConv& conv, const GemmPhase& phase, int first, TileRow* rows) {
  const int pixels = phase.height * phase.width;
  for (int r = static_cast<int>(threadIdx.x); r < Tile::rows; r += Tile::threads) {
    const int m = first + r;
    if (m >= conv.batch * pixels) {
      rows[r] = {0, INT16_MIN, INT16_MIN, 0, -1};  // no tap of it is inside
      continue;
    }
    const int n = m / pixels, i = m % pixels / phase.width, j = m % phase.width;
    const int row = i * conv.stride_h - phase.pad_h, column = j * conv.stride_w - phase.pad_w;
    const int y_row = phase.first_row + i * conv.out_step_h, y_column = phase.first_column + j * conv.out_step_w;
    rows[r] = {(n * conv.height + row) * conv.width + column, static_cast<std::int16_t>(row),
               static_cast<std::int16_t>(column), n, (n * conv.out_height + y_row) * conv.out_width + y_column};
  }
}

template <class Tile, class Out, class Epilogue>
__device__ void write_tile(const float* sums, const TileRow* rows, Out* y, int outs, int first_channel,
                           [[maybe_unused]] const Epilogue& epilogue) {
  constexpr int elements = elements_of_piece<Out>, across = Tile::columns / elements;
  for (int i = static_cast<int>(threadIdx.x); i < Tile::rows * across; i += Tile::threads) {
    const TileRow at = rows[i / across];
    const int column = i % across * elements, channel = first_channel + column;
    if (at.out < 0 || channel >= outs) continue;
    float v[elements];
#pragma unroll
    for (int e = 0; e < elements; e += 4) {
      const float4 four = *reinterpret_cast<const float4*>(sums + i / across * Tile::pitch + column + e);
      v[e] = four.x;
      v[e + 1] = four.y;
      v[e + 2] = four.z;
      v[e + 3] = four.w;
    }
    if constexpr (std::is_same_v<Epilogue, GemmProgram>) {
      run_epilogue<Out>(epilogue, v, at.sample, at.out, channel);
      continue;
    }
    Out* to = y + static_cast<std::int64_t>(at.out) * outs + channel;
    if (outs % elements == 0) {
      *reinterpret_cast<uint4*>(to) = piece_of<Out>(v);
    } else {
#pragma unroll
      for (int e = 0; e < elements; ++e) {
        if (channel + e < outs) to[e] = from_f32<Out>(v[e]);
      }
    }
  }
}

/// What a block is to make: blocks along x count tiles, those of the same pixels next to each other; along z the splits
/// of each phase.
struct GemmBlock {
  GemmPhase phase;
  int split, first_row, first_channel, first_step, last_step;
  bool is_outside;  // the phase has fewer tiles than others
};
template <class Tile>
__device__ GemmBlock this_block(const GemmConv& conv, const GemmMemory& memory) {
  GemmBlock b;
  b.phase = conv.phase[static_cast<int>(blockIdx.z) / memory.splits];
  b.split = static_cast<int>(blockIdx.z) % memory.splits;
  const int tiles_across = (conv.outs + Tile::columns - 1) / Tile::columns;
  b.first_row = static_cast<int>(blockIdx.x) / tiles_across * Tile::rows;
  b.first_channel = static_cast<int>(blockIdx.x) % tiles_across * Tile::columns;
  b.is_outside = b.first_row >= conv.batch * b.phase.height * b.phase.width;
  const int steps_of_split = (b.phase.steps + memory.splits - 1) / memory.splits;
  b.first_step = b.split * steps_of_split;
  b.last_step = min(b.first_step + steps_of_split, b.phase.steps);
  return b;
}

/// The ring of tiles in shared memory, and the copies that fill it, step by step.
template <class Tile, class Storage, class Pixels>
class CopiedSteps {
 public:
  __device__ CopiedSteps(const GemmConv& conv, const GemmMemory& memory, const GemmBlock& block, char* shared,
                         const TileRow* rows)
      : shared_(shared),
        next_step_(block.first_step),
        last_step_(block.last_step),
        pixels_(conv, block.phase, memory, rows, block.first_step),
        weights_(static_cast<const Storage*>(memory.w) + block.phase.weights, block.first_channel, conv.outs,
                 block.phase.steps, block.first_step) {}

  __device__ char* a(int stage) const { return shared_ + stage * Tile::stage_bytes; }
  __device__ char* b(int stage) const { return a(stage) + Tile::rows * step_bytes; }
  static __device__ int after(int stage) { return stage + 1 == Tile::stages ? 0 : stage + 1; }

  __device__ void copy_next() {
    if (next_step_ < last_step_) {
      pixels_.copy(a(next_stage_));
      weights_.copy(b(next_stage_));
    }
    cp_async_commit();  // also if empty, so that the groups that are waited for are counted alike
    ++next_step_;
    next_stage_ = after(next_stage_);
  }

 private:
  char* shared_;
  int next_step_, last_step_, next_stage_ = 0;
  Pixels pixels_;
  CopiedWeights<Tile::columns, Tile::threads> weights_;
};

template <class Math, class Tile, class Pixels, class Out, class Epilogue>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    implicit_gemm_kernel(const __grid_constant__ GemmConv conv, const __grid_constant__ GemmMemory memory,
                         const __grid_constant__ Epilogue epilogue) {
  using Storage = typename StorageOf<Math>::type;
  const GemmBlock block = this_block<Tile>(conv, memory);
  if (block.is_outside) return;
  char* shared = shared_memory<char>();
  auto* rows = reinterpret_cast<TileRow*>(shared + Tile::stages * Tile::stage_bytes);
  find_rows<Tile>(conv, block.phase, block.first_row, rows);
  __syncthreads();
  CopiedSteps<Tile, Storage, Pixels> steps(conv, memory, block, shared, rows);
  typename Tile::Product product;
  for (int s = 0; s + 1 < Tile::stages; ++s) steps.copy_next();

  if (block.first_step < block.last_step) {
    cp_async_wait<Tile::stages - 2>();
    __syncthreads();
    product.load(0, steps.a(0), steps.b(0), 0);
  }
  int stage = 0;
  for (int step = block.first_step; step < block.last_step; ++step) {
    constexpr int loads = Tile::Product::loads;
#pragma unroll
    for (int k = 0; k < loads; ++k) {
      if (k + 1 == loads) {  // all of this stage is in registers: it may be filled again, and the next one is needed
        stage = steps.after(stage);
        cp_async_wait<Tile::stages - 2>();
        __syncthreads();
      }
      product.load((k + 1) % 2, steps.a(stage), steps.b(stage), (k + 1) % loads);
      if (k == 0) steps.copy_next();
      product.multiply(k % 2);
    }
  }

  cp_async_wait<0>();
  __syncthreads();
  auto* sums = reinterpret_cast<float*>(shared);
  product.store(sums, Tile::pitch);
  __syncthreads();
  write_tile<Tile>(sums, rows, static_cast<Out*>(memory.y) + block.split * memory.split_size, conv.outs,
                   block.first_channel, epilogue);
}

template <class Math, class Tile, class Pixels, class Out>
void launch_gemm(const GemmConv& conv, const GemmMemory& memory, dim3 grid, cudaStream_t stream) {
  launch(implicit_gemm_kernel<Math, Tile, Pixels, Out, Unchanged>, grid, Tile::threads, Tile::shared_bytes, stream,
         conv, memory, Unchanged{});
}

template <class Math, class Tile, class Pixels>
void launch_gemm_program(const GemmConv& conv, const GemmMemory& memory, const GemmProgram& program, dim3 grid,
                         cudaStream_t stream) {
  using Out = typename StorageOf<Math>::type;
  launch(implicit_gemm_kernel<Math, Tile, Pixels, Out, GemmProgram>, grid, Tile::threads, Tile::shared_bytes, stream,
         conv, memory, program);
}

template <class Math, class Tile, class Pixels>
constexpr GemmVariant gemm_variant(bool gathers, bool from_f32) {
  return {.rows = Tile::rows,
          .columns = Tile::columns,
          .shared_bytes = Tile::shared_bytes,
          .gathers = gathers,
          .from_f32 = from_f32,
          .store = launch_gemm<Math, Tile, Pixels, typename StorageOf<Math>::type>,
          .store_f32 = launch_gemm<Math, Tile, Pixels, float>};
}
template <class Math, class Tile>
constexpr GemmVariant make_copying_variant() {
  using Pixels = CopiedPixels<Math, Tile::rows, Tile::threads>;
  GemmVariant variant = gemm_variant<Math, Tile, Pixels>(false, false);
  variant.run_program = launch_gemm_program<Math, Tile, Pixels>;
  return variant;
}
template <class Math, class Tile>
constexpr GemmVariant copying_variant = make_copying_variant<Math, Tile>();
template <class Math, class In, class Tile>
constexpr GemmVariant gathering_variant =
    gemm_variant<Math, Tile, GatheredPixels<Math, In, Tile::rows, Tile::threads>>(true, std::is_same_v<In, float>);

/// A tile of tensor cores whose warps have `warp_rows` x `warp_columns` of it.
template <class Math, int rows, int columns, int warp_rows, int warp_columns, int stages, int blocks>
using TensorTile = GemmTile<Math, rows, columns, stages, rows / warp_rows*(columns / warp_columns) * 32, blocks,
                            TensorProduct<Math, warp_rows, warp_columns, columns / warp_columns>>;

/// From the tile with the fewest bytes for each product to the one with the most blocks.
template <class Math>
struct TensorTiles {
  using Largest = TensorTile<Math, 256, 128, 64, 64, 3, 1>;
  using Large = TensorTile<Math, 128, 128, 64, 64, 3, 2>;
  using Narrow = TensorTile<Math, 128, 64, 64, 32, 4, 2>;
  using Small = TensorTile<Math, 64, 64, 32, 32, 4, 3>;
};

}  // namespace g2face::cuda
