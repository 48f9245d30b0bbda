#pragma once
// Iteration over several dense operands at once. The host describes it as an IndexSpace; a kernel gets a Walk, which
// finds where an element of each operand lies without dividing.

#include <cuda_runtime.h>

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face::cuda {

constexpr int max_operands = 16;

/// How far apart neighbours along each axis of [N,C,H,W] (or of any shape, in nchw) lie, in elements.
std::vector<std::int64_t> steps_of(const TensorDesc& value);
/// The axes in the order of memory, outermost first.
std::vector<int> memory_order(const TensorDesc& value);

struct IndexSpace {
  struct Axis {
    std::int64_t extent = 1;
    std::array<std::int64_t, max_operands> step{};  // of each operand, in elements; 0 where it is repeated
  };
  std::vector<Axis> axes;                          // outermost first
  std::array<std::int64_t, max_operands> begin{};  // where each operand starts

  std::int64_t size() const;
  /// Joins neighbouring axes that every operand walks through without a jump, and drops axes of extent 1.
  void coalesce();
  /// How many elements of the first `operands` operands can be moved as one, at most `most` (a power of two): all of
  /// them walk along the last axis element by element, and all other steps are multiples of that number.
  std::int64_t vector_width(std::size_t operands, std::int64_t most) const;
  /// The same space in vectors of so many elements of those operands; the others stand still along the last axis.
  IndexSpace in_vectors(std::size_t operands, std::int64_t width) const;
  /// Spaces of at most so many elements that together are this one.
  std::vector<IndexSpace> pieces(std::int64_t most) const;
};

/// All elements of `result`, in the order of its memory. Operand 0 is the result, then come others, which broadcast to
/// it by NumPy's rule.
IndexSpace broadcast_space(const TensorDesc& result, std::span<const TensorDesc> operands);

/// Division by a number that is known before the launch, as a multiplication and a shift (Granlund and Montgomery
/// 1994).
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(std::uint32_t value) : value_(value) {
    while ((std::uint64_t{1} << shift_) < value) ++shift_;
    const std::uint64_t power = std::uint64_t{1} << shift_;
    multiplier_ = static_cast<std::uint32_t>(((power - value) << 32) / value + 1);
  }
  __device__ std::uint32_t value() const { return value_; }
  /// n / value for n < 2^31.
  __device__ std::uint32_t divide(std::uint32_t n) const {
    const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(n) * multiplier_ >> 32);
    return (high + n) >> shift_;
  }

 private:
  std::uint32_t value_ = 1, multiplier_ = 1, shift_ = 0;
};

/// An IndexSpace of fewer than 2^31 elements and its first `operands` operands, as a parameter of a kernel.
template <int operands>
class Walk {
 public:
  static constexpr std::int64_t max_size = (std::int64_t{1} << 31) - 1;

  Walk() = default;
  explicit Walk(const IndexSpace& space)
      : axes_(static_cast<int>(space.axes.size())), size_(static_cast<std::uint32_t>(space.size())) {
    if (space.axes.size() > Shape::max_rank || space.size() > max_size) throw std::length_error("cuda::Walk");
    for (std::size_t o = 0; o < operands; ++o) begin_[o] = space.begin[o];
    if (space.size() == 0) return;
    for (std::size_t axis = 0; axis < space.axes.size(); ++axis) {
      extent_[axis] = Divisor(static_cast<std::uint32_t>(space.axes[axis].extent));
      for (std::size_t o = 0; o < operands; ++o) step_[o][axis] = space.axes[axis].step[o];
    }
  }

  __host__ __device__ std::uint32_t size() const { return size_; }

  /// Where element i of each operand lies.
  __device__ void locate(std::uint32_t i, std::int64_t (&at)[operands]) const {
    for (int o = 0; o < operands; ++o) at[o] = begin_[o];
    for (int axis = axes_ - 1; axis > 0; --axis) {
      const std::uint32_t outer = extent_[axis].divide(i), inner = i - outer * extent_[axis].value();
      for (int o = 0; o < operands; ++o) at[o] += inner * step_[o][axis];
      i = outer;
    }
    if (axes_ > 0) {
      for (int o = 0; o < operands; ++o) at[o] += i * step_[o][0];
    }
  }

 private:
  int axes_ = 0;
  std::uint32_t size_ = 0;
  Divisor extent_[Shape::max_rank];
  std::int64_t step_[operands][Shape::max_rank] = {};
  std::int64_t begin_[operands] = {};
};

}  // namespace g2face::cuda
