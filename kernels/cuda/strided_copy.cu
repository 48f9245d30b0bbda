// Three ways, chosen while planning:
// * Where source and result lie together along the last axis, a thread moves one vector of up to 16 bytes.
// * Where they lie together along different axes (a transposition), a block moves tiles of 32x32 elements through
// shared
//   memory, so that both sides are read and written in whole rows of 32; the row of 33 keeps columns in different
//   banks.
// * Else a thread moves an element, and neighbouring threads write neighbouring elements.
// All of them read and write each byte once; a repeated source is read from the cache.

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/layouts.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/cuda/strided_copy.hpp"
#include "kernels/launch.cuh"

namespace g2face::cuda {
namespace {

constexpr std::int64_t vector_bytes = sizeof(Bytes16);
constexpr unsigned tile_side = 32, tile_rows = threads_per_block / tile_side;
constexpr std::int64_t smallest_tiled = 8;  // extents below leave most of a tile empty

template <class T>
__global__ void copy_kernel(const T* from, T* to, Walk<2> walk) {
  for (std::int64_t i = thread_index(); i < walk.size(); i += thread_count()) {
    std::int64_t at[2];
    walk.locate(static_cast<std::uint32_t>(i), at);
    to[at[0]] = from[at[1]];
  }
}

/// A plane of `rows` steps along which the source lies together by `columns` steps along which the result does, for
/// each element of `planes`.
struct Tiles {
  Walk<2> planes;
  Divisor down, across;  // tiles of a plane
  std::uint32_t rows = 0, columns = 0, count = 0;
  std::int64_t to_row = 0, from_column = 0;  // steps
};

template <class T>
__global__ void copy_tiles_kernel(const T* from, T* to, Tiles tiles) {
  T* tile = shared_memory<T>();
  const std::uint32_t lane = threadIdx.x % tile_side, first = threadIdx.x / tile_side;
  for (std::uint32_t t = blockIdx.x; t < tiles.count; t += gridDim.x) {
    const std::uint32_t line = tiles.across.divide(t), plane = tiles.down.divide(line);
    const std::uint32_t row = (line - plane * tiles.down.value()) * tile_side;
    const std::uint32_t column = (t - line * tiles.across.value()) * tile_side;
    std::int64_t at[2];
    tiles.planes.locate(plane, at);
    for (std::uint32_t i = first; i < tile_side && column + i < tiles.columns; i += tile_rows) {
      if (row + lane < tiles.rows) {
        tile[i * (tile_side + 1) + lane] = from[at[1] + (column + i) * tiles.from_column + row + lane];
      }
    }
    __syncthreads();
    for (std::uint32_t i = first; i < tile_side && row + i < tiles.rows; i += tile_rows) {
      if (column + lane < tiles.columns) {
        to[at[0] + (row + i) * tiles.to_row + column + lane] = tile[lane * (tile_side + 1) + i];
      }
    }
    __syncthreads();
  }
}

/// The axis along which the source lies together, if the result does along another and both are worth tiles; else -1.
int transposed_axis(const IndexSpace& space) {
  if (space.axes.empty()) return -1;
  const IndexSpace::Axis& last = space.axes.back();
  if (last.step[0] != 1 || last.step[1] == 0 || last.extent < smallest_tiled) return -1;
  for (std::size_t axis = 0; axis + 1 < space.axes.size(); ++axis) {
    if (space.axes[axis].step[1] == 1 && space.axes[axis].extent >= smallest_tiled) return static_cast<int>(axis);
  }
  return -1;
}

Tiles tiles_of(const IndexSpace& space, int source_axis) {
  IndexSpace planes = space;
  const IndexSpace::Axis row = space.axes[static_cast<std::size_t>(source_axis)], column = space.axes.back();
  planes.axes.pop_back();
  planes.axes.erase(planes.axes.begin() + source_axis);
  const auto tiles_along = [](std::int64_t extent) { return (extent + tile_side - 1) / tile_side; };
  const std::int64_t down = tiles_along(row.extent), across = tiles_along(column.extent);
  Tiles tiles;
  tiles.planes = Walk<2>(planes);
  tiles.down = Divisor(static_cast<std::uint32_t>(down));
  tiles.across = Divisor(static_cast<std::uint32_t>(across));
  tiles.rows = static_cast<std::uint32_t>(row.extent);
  tiles.columns = static_cast<std::uint32_t>(column.extent);
  tiles.count = static_cast<std::uint32_t>(planes.size() * down * across);
  tiles.to_row = row.step[0];
  tiles.from_column = column.step[1];
  return tiles;
}

template <class T>
StridedCopy copy_in_tiles(const IndexSpace& space, int source_axis) {
  std::vector<Tiles> pieces;
  for (const IndexSpace& piece : space.pieces(Walk<2>::max_size)) pieces.push_back(tiles_of(piece, source_axis));
  return {"tiles", [pieces](const void* from, void* to, cudaStream_t stream) {
            for (const Tiles& tiles : pieces) {
              launch(copy_tiles_kernel<T>, tiles.count, threads_per_block, tile_side * (tile_side + 1) * sizeof(T),
                     stream, static_cast<const T*>(from), static_cast<T*>(to), tiles);
            }
          }};
}

template <class T>
StridedCopy copy_in_order(const IndexSpace& space, const char* way) {
  std::vector<Walk<2>> pieces;
  for (const IndexSpace& piece : space.pieces(Walk<2>::max_size)) pieces.emplace_back(piece);
  return {way, [pieces](const void* from, void* to, cudaStream_t stream) {
            for (const Walk<2>& walk : pieces) {
              launch(copy_kernel<T>, blocks_for(walk.size()), threads_per_block, 0, stream, static_cast<const T*>(from),
                     static_cast<T*>(to), walk);
            }
          }};
}

}  // namespace

StridedCopy strided_copy(IndexSpace space, std::size_t element_bytes) {
  if (space.size() == 0) return {};
  space.coalesce();
  if (const int axis = transposed_axis(space); axis >= 0) {
    return with_unsigned(element_bytes, [&]<class T>(T) { return copy_in_tiles<T>(space, axis); });
  }
  const std::int64_t width = space.vector_width(2, vector_bytes / static_cast<std::int64_t>(element_bytes));
  space = space.in_vectors(2, width);
  const std::size_t bytes = element_bytes * static_cast<std::size_t>(width);
  if (bytes == vector_bytes) return copy_in_order<Bytes16>(space, "vectors");
  return with_unsigned(bytes, [&]<class T>(T) { return copy_in_order<T>(space, "elements"); });
}

Step copy_step(std::string_view op, const StridedCopy& copy) {
  Step step;
  step.kernel = str(op, ' ', copy.way);
  step.run = [run = copy.run](const Buffers& b, Stream& stream) { run(b.in[0], b.out[0], stream_of(stream)); };
  return step;
}

StridedCopy box_copy(Box direction, const TensorDesc& part, const TensorDesc& whole,
                     std::span<const std::int64_t> begin) {
  const std::size_t of_part = direction == Box::extract ? 0 : 1, of_whole = 1 - of_part;
  const std::vector<std::int64_t> part_steps = steps_of(part), whole_steps = steps_of(whole);
  IndexSpace space;
  for (const int axis : memory_order(part)) {
    const auto i = static_cast<std::size_t>(axis);
    IndexSpace::Axis added{part.type.shape[axis], {}};
    added.step[of_part] = part_steps[i];
    added.step[of_whole] = whole_steps[i];
    space.axes.push_back(added);
    space.begin[of_whole] += begin[i] * whole_steps[i];
  }
  return strided_copy(std::move(space), size_of(storage_of(part)));
}

}  // namespace g2face::cuda
