// Changes of layout. [C][H W] and [H W][C] are transposes of each other: a block moves a tile of 32 x 32 elements
// through shared memory, so that both sides are read and written in runs. Each element is read and written once.

#include <type_traits>

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/storage.cuh"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

constexpr unsigned tile = 32, tile_rows = 8;  // threads of a block: tile x tile_rows

template <class To, class From>
__device__ To stored_as(From v) {
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else {
    return cuda::from_f32<To>(cuda::to_f32(v));
  }
}

/// One matrix for each sample: x [rows, columns] -> y [columns, rows].
struct Matrices {
  std::int64_t count, rows, columns;
  std::int64_t tiles_down() const { return (rows + tile - 1) / tile; }
  std::int64_t tiles_across() const { return (columns + tile - 1) / tile; }
};

template <class From, class To>
__global__ void transpose_kernel(const From* x, To* y, Matrices m, unsigned tiles_down, unsigned tiles_across) {
  To(*tiles)[tile + 1] = reinterpret_cast<To(*)[tile + 1]>(cuda::shared_memory<To>());
  const std::int64_t across = blockIdx.x % tiles_across, down = blockIdx.x / tiles_across % tiles_down;
  const std::int64_t start = static_cast<std::int64_t>(blockIdx.x / tiles_across / tiles_down) * m.rows * m.columns;
  for (unsigned j = threadIdx.y; j < tile; j += tile_rows) {
    const std::int64_t row = down * tile + j, column = across * tile + threadIdx.x;
    if (row < m.rows && column < m.columns) {
      tiles[j][threadIdx.x] = stored_as<To>(x[start + row * m.columns + column]);
    }
  }
  __syncthreads();
  for (unsigned j = threadIdx.y; j < tile; j += tile_rows) {
    const std::int64_t row = down * tile + threadIdx.x, column = across * tile + j;
    if (row < m.rows && column < m.columns) y[start + column * m.rows + row] = tiles[threadIdx.x][j];
  }
}

template <class From, class To>
__global__ void convert_kernel(const From* x, To* y, std::int64_t n) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) y[i] = stored_as<To>(x[i]);
}

template <class From, class To>
__global__ void convert_lanes_kernel(const From* x, To* y, std::int64_t n) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    float v[cuda::lanes];
    cuda::load_lanes(x + i * cuda::lanes, v);
    cuda::store_lanes(y + i * cuda::lanes, v);
  }
}

template <class From, class To>
Step transpose_step(const Matrices& m) {
  Step step;
  step.kernel = "reorder cuda:transpose";
  step.run = [m](const Buffers& b, Stream& stream) {
    const std::int64_t blocks = m.count * m.tiles_down() * m.tiles_across();
    if (blocks == 0) return;
    cuda::launch(transpose_kernel<From, To>, static_cast<unsigned>(blocks), dim3(tile, tile_rows),
                 tile * (tile + 1) * sizeof(To), cuda::stream_of(stream), b.get<From>(0), b.out_as<To>(), m,
                 static_cast<unsigned>(m.tiles_down()), static_cast<unsigned>(m.tiles_across()));
  };
  return step;
}

template <class From, class To>
Step convert_step(std::int64_t n) {
  Step step;
  step.kernel = std::is_same_v<From, To> ? "reorder cuda:copy" : "reorder cuda:convert";
  step.run = [n](const Buffers& b, Stream& stream) {
    if (n == 0) return;
    const From* x = b.get<From>(0);
    To* y = b.out_as<To>();
    if constexpr (!std::is_same_v<From, To>) {
      if (n % cuda::lanes == 0) {
        const std::int64_t groups = n / cuda::lanes;
        return cuda::launch(convert_lanes_kernel<From, To>, cuda::blocks_for(groups), cuda::threads_per_block, 0,
                            cuda::stream_of(stream), x, y, groups);
      }
    }
    cuda::launch(convert_kernel<From, To>, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream), x,
                 y, n);
  };
  return step;
}

template <class From, class To>
Step make_step(const TensorDesc& from, const TensorDesc& to) {
  const Shape& s = from.type.shape;
  const std::int64_t pixels = s[2] * s[3];
  const bool was_nchw = from.layout == Layout::nchw, is_nchw = to.layout == Layout::nchw;
  if (was_nchw == is_nchw || pixels == 1 || s[1] == 1) return convert_step<From, To>(s.numel());
  return transpose_step<From, To>(was_nchw ? Matrices{s[0], s[1], pixels} : Matrices{s[0], pixels, s[1]});
}

bool is_known(Layout layout) {
  return layout == Layout::nchw || layout == Layout::nhwc || layout == Layout::nhwc_bf16 || layout == Layout::nhwc_f16;
}

}  // namespace

std::optional<Step> reorder_cuda(const NoAttrs&, const Signature& s) {
  const TensorDesc &from = s.in[0], &to = s.out[0];
  if (!is_known(from.layout) || !is_known(to.layout)) return std::nullopt;
  if (from.type.dtype == DType::f32) {
    return cuda::with_storage(from.layout, [&]<class From>() {
      return cuda::with_storage(to.layout, [&]<class To>() { return make_step<From, To>(from, to); });
    });
  }
  switch (size_of(from.type.dtype)) {
    case 1:
      return make_step<std::uint8_t, std::uint8_t>(from, to);
    case 2:
      return make_step<std::uint16_t, std::uint16_t>(from, to);
    case 4:
      return make_step<std::uint32_t, std::uint32_t>(from, to);
    default:
      return make_step<std::uint64_t, std::uint64_t>(from, to);
  }
}

}  // namespace g2face
