#pragma once
// The kernel of implicit_gemm.cuh with products of warpgroups (wgmma), for GPUs of compute capability 9.0 and operands
// of 16 bits.
//
// A block makes a tile of y, `rows` pixels by `columns` channels, with two warpgroups that have half of the rows each.
// The ring of tiles in shared memory and its copies are those of implicit_gemm.cuh; the tensor cores read the tiles
// from there themselves, and so no thread loads operands, and a stage is free as soon as both warpgroups have waited
// for its products. While the products of one step run, those of the next are begun and the step `stages - 2` ahead is
// copied: the tensor cores always have a step in reserve.
//
// A block reads (rows + columns) * 128 bytes a step for rows * columns * 64 products: 85 products for each byte from
// the second-level cache at 128 x 256.

#include "kernels/cuda/implicit_gemm.cuh"
#include "kernels/wgmma.cuh"

namespace g2face::cuda {

/// The products of a tile, `warpgroup_rows` of whose rows a warpgroup has.
template <class Math, int warpgroup_rows, int columns>
class WarpgroupProduct {
 public:
  /// Begins those of a step; the first one's replace what the registers hold, which nothing else may write: the
  /// compiler would make every product wait for the one before.
  __device__ void begin(const char* a, const char* b, bool is_first) {
    a += first_row() * step_bytes;
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < step_bytes; k += depth_bytes) {
#pragma unroll
      for (int i = 0; i < parts; ++i)
        wgmma<Math, columns>(sum_[i], a + i * 64 * step_bytes + k, b + k, k > 0 || !is_first);
    }
    wgmma_commit();
  }

  __device__ void finish() {
    wgmma_wait<0>();
#pragma unroll
    for (int i = 0; i < parts; ++i) keep_below(sum_[i]);
  }

  /// `any`: whether there was a step; if not, sums are zero.
  __device__ void store(float* to, int pitch, bool any) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32 % 4;
    to += (first_row() + warp * 16 + lane / 4) * pitch + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < parts; ++i) {
#pragma unroll
      for (int j = 0; j < columns / 8; ++j) {
        float* at = to + i * 64 * pitch + j * 8;
        const float* sum = sum_[i] + 4 * j;
        *reinterpret_cast<float2*>(at) = any ? make_float2(sum[0], sum[1]) : float2{};
        *reinterpret_cast<float2*>(at + 8 * pitch) = any ? make_float2(sum[2], sum[3]) : float2{};
      }
    }
  }

 private:
  static constexpr int parts = warpgroup_rows / 64, depth_bytes = 32;
  static __device__ int first_row() { return static_cast<int>(threadIdx.x) / warpgroup_size * warpgroup_rows; }

  float sum_[parts][columns / 2];
};

template <class Math, int rows_, int columns_>
struct WarpgroupTile {
  static constexpr int rows = rows_, columns = columns_, stages = 4;
  static constexpr int threads = 2 * warpgroup_size;
  static constexpr int stage_bytes = (rows + columns) * step_bytes;
  static constexpr int pitch = columns + 8;             // as in GemmTile
  static constexpr int block_of_rows = 8 * step_bytes;  // where a tile may begin
  static constexpr int shared_bytes =
      stages * stage_bytes + rows * static_cast<int>(sizeof(TileRow)) + block_of_rows - 16;
  static_assert(rows * pitch * static_cast<int>(sizeof(float)) <= stages * stage_bytes && stages >= 3);
  using Product = WarpgroupProduct<Math, rows / 2, columns>;
};

// Blocks as those of implicit_gemm_kernel.
template <class Math, class Tile, class Out, class Epilogue>
__global__ void __launch_bounds__(Tile::threads, 1)
    warpgroup_gemm_kernel(const __grid_constant__ GemmConv conv, const __grid_constant__ GemmMemory memory,
                          const __grid_constant__ Epilogue epilogue) {
#if G2FACE_WGMMA
  const GemmBlock block = this_block<Tile>(conv, memory);
  if (block.is_outside) return;
  char* shared = shared_memory<char>();
  shared += -reinterpret_cast<std::uintptr_t>(shared) % Tile::block_of_rows;
  auto* rows = reinterpret_cast<TileRow*>(shared + Tile::stages * Tile::stage_bytes);
  find_rows<Tile>(conv, block.phase, block.first_row, rows);
  __syncthreads();
  CopiedSteps<Tile, Math, CopiedPixels<Math, Tile::rows, Tile::threads>> steps(conv, memory, block, shared, rows);
  typename Tile::Product product;

  constexpr int ahead = Tile::stages - 2;
  for (int s = 0; s < ahead; ++s) steps.copy_next();
  int stage = 0;
  for (int step = block.first_step; step < block.last_step; ++step) {
    cp_async_wait<ahead - 1>();
    fence_shared_for_products();
    wgmma_wait<1>();  // the step before the last one: its stage is filled next
    __syncthreads();
    product.begin(steps.a(stage), steps.b(stage), step == block.first_step);
    steps.copy_next();
    stage = steps.after(stage);
  }
  product.finish();
  cp_async_wait<0>();
  __syncthreads();
  auto* sums = reinterpret_cast<float*>(shared);
  product.store(sums, Tile::pitch, block.first_step < block.last_step);
  __syncthreads();
  write_tile<Tile>(sums, rows, static_cast<Out*>(memory.y) + block.split * memory.split_size, conv.outs,
                   block.first_channel, epilogue);
#endif
}

template <class Math, class Tile, class Out>
void launch_warpgroup_gemm(const GemmConv& conv, const GemmMemory& memory, dim3 grid, cudaStream_t stream) {
  launch(warpgroup_gemm_kernel<Math, Tile, Out, Unchanged>, grid, Tile::threads, Tile::shared_bytes, stream, conv,
         memory, Unchanged{});
}
template <class Math, class Tile>
void launch_warpgroup_program(const GemmConv& conv, const GemmMemory& memory, const GemmProgram& program, dim3 grid,
                              cudaStream_t stream) {
  launch(warpgroup_gemm_kernel<Math, Tile, Math, GemmProgram>, grid, Tile::threads, Tile::shared_bytes, stream, conv,
         memory, program);
}

template <class Math, class Tile>
constexpr GemmVariant warpgroup_variant{.rows = Tile::rows,
                                        .columns = Tile::columns,
                                        .shared_bytes = Tile::shared_bytes,
                                        .warpgroups = true,
                                        .store = launch_warpgroup_gemm<Math, Tile, Math>,
                                        .store_f32 = launch_warpgroup_gemm<Math, Tile, float>,
                                        .run_program = launch_warpgroup_program<Math, Tile>};

template <class Math>
struct WarpgroupTiles {
  using Wide = WarpgroupTile<Math, 128, 256>;
  using Tall = WarpgroupTile<Math, 256, 128>;
};

}  // namespace g2face::cuda
