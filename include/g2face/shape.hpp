#pragma once
// Logical shapes. Images are always [N,C,H,W]; physical layouts are the planner's business (see tensor.hpp).

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

namespace g2face {

/// The extents of a dense array, at most eight of them. A default Shape has rank 0 and one element.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// Throws ShapeError if there are more than max_rank dims, one is negative, or their product overflows 63 bits.
  explicit Shape(std::span<const std::int64_t> dims);

  int rank() const { return rank_; }
  /// Extent of axis i; negative i counts from the end. Throws ShapeError if there is no such axis.
  std::int64_t operator[](int i) const;
  std::int64_t numel() const;
  std::span<const std::int64_t> dims() const { return {dims_.data(), static_cast<std::size_t>(rank_)}; }
  const std::int64_t* begin() const { return dims_.data(); }
  const std::int64_t* end() const { return dims_.data() + rank_; }
  /// The same shape with axis i replaced.
  Shape with(int i, std::int64_t extent) const;
  bool operator==(const Shape& other) const;
  std::string str() const;  // "[8,3,256,256]"

 private:
  std::array<std::int64_t, max_rank> dims_{};
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// The shape both operands broadcast to (NumPy's rule: align at the last axis; extents are equal or one of them is 1).
/// Throws ShapeError if there is none.
Shape broadcast_shapes(const Shape& a, const Shape& b);

}  // namespace g2face
