#include "kernels/cpu/strided_copy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face::cpu {
namespace {

constexpr std::int64_t square = 32;  // side of the tiles of a transposition: both sides' cache lines stay in use

/// The two innermost axes.
template <class T>
void copy_plane(const T* from, T* to, std::int64_t rows, std::int64_t columns, std::int64_t from_row,
                std::int64_t from_column, std::int64_t to_row, std::int64_t to_column) {
  if (from_column == 1 && to_column == 1) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * to_row, from + r * from_row, static_cast<std::size_t>(columns) * sizeof(T));
    }
    return;
  }
  for (std::int64_t r0 = 0; r0 < rows; r0 += square) {
    const std::int64_t r1 = std::min(rows, r0 + square);
    for (std::int64_t c0 = 0; c0 < columns; c0 += square) {
      const std::int64_t c1 = std::min(columns, c0 + square);
      for (std::int64_t r = r0; r < r1; ++r) {
        const T* source = from + r * from_row;
        T* result = to + r * to_row;
        for (std::int64_t c = c0; c < c1; ++c) result[c * to_column] = source[c * from_column];
      }
    }
  }
}

template <class T>
void copy_all(const IndexSpace& space, const T* from, T* to, int threads) {
  const std::size_t axes = space.extents.size();
  const auto& in = space.strides[0];
  const auto& out = space.strides[1];
  const std::int64_t columns = space.extents[axes - 1];
  const std::int64_t rows = axes > 1 ? space.extents[axes - 2] : 1;
  const std::int64_t in_row = axes > 1 ? in[axes - 2] : 0, out_row = axes > 1 ? out[axes - 2] : 0;
  std::int64_t planes = 1;
  for (std::size_t i = 0; i + 2 < axes; ++i) planes *= space.extents[i];
  // Parts of the plane are shared out if there are few planes, else whole planes.
  const std::int64_t per_plane = planes >= 4 * threads ? 1 : std::clamp<std::int64_t>(rows, 1, 4 * threads);
  const std::int64_t size = planes * rows * columns;
  parallel_parts(size < (1 << 14) ? 1 : threads, planes * per_plane, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      std::int64_t rest = t / per_plane, source = 0, result = 0;
      for (std::size_t axis = axes > 2 ? axes - 2 : 0; axis-- > 0;) {
        const std::int64_t i = rest % space.extents[axis];
        rest /= space.extents[axis];
        source += i * in[axis];
        result += i * out[axis];
      }
      const std::int64_t part = t % per_plane, first = rows * part / per_plane, last = rows * (part + 1) / per_plane;
      copy_plane(from + source + first * in_row, to + result + first * out_row, last - first, columns, in_row,
                 in.back(), out_row, out.back());
    }
  });
}

}  // namespace

StridedCopy::StridedCopy(IndexSpace space, std::size_t element_bytes)
    : space_(std::move(space)), bytes_(element_bytes) {
  space_.coalesce();
}

void StridedCopy::run(const void* from, void* to, int threads) const {
  if (space_.size() == 0) return;
  const auto as = [&]<class T>(T) { copy_all(space_, static_cast<const T*>(from), static_cast<T*>(to), threads); };
  switch (bytes_) {
    case 1:
      return as(std::uint8_t{});
    case 2:
      return as(std::uint16_t{});
    case 4:
      return as(std::uint32_t{});
    default:
      return as(std::uint64_t{});
  }
}

BoxCopy::BoxCopy(const Shape& part, const Shape& whole, std::span<const std::int64_t> begin, std::int64_t block,
                 std::size_t element_bytes) {
  const auto part_steps = dense_strides(physical_extents(part, block));
  const auto whole_steps = dense_strides(physical_extents(whole, block));
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < begin.size(); ++axis) {
    offset += (axis == 1 ? begin[axis] / block : begin[axis]) * whole_steps[axis];
  }
  offset_ = static_cast<std::size_t>(offset) * element_bytes;
  extract_ = StridedCopy({physical_extents(part, block), {whole_steps, part_steps}}, element_bytes);
  insert_ = StridedCopy({physical_extents(part, block), {part_steps, whole_steps}}, element_bytes);
}

void BoxCopy::extract(const void* whole, void* part, int threads) const {
  extract_.run(static_cast<const std::byte*>(whole) + offset_, part, threads);
}
void BoxCopy::insert(const void* part, void* whole, int threads) const {
  insert_.run(part, static_cast<std::byte*>(whole) + offset_, threads);
}

StridedCopy relayout_copy(const TensorDesc& from, const TensorDesc& to) {
  // Walk in the order of the blocked side: the other, row-major side is then an operand of it.
  const bool result_blocked = to.layout != Layout::nchw;
  const TensorDesc& walked = result_blocked ? to : from;
  IndexSpace space = broadcast_space(walked, std::array{from, to});
  return {std::move(space), size_of(from.type.dtype)};
}

}  // namespace g2face::cpu
