#include "g2face/shape.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <ostream>

#include "g2face/error.hpp"

namespace g2face {
namespace {

std::string text_of(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(dims[i]);
  }
  return text + ']';
}

// The product of non-negative extents, or nothing if it needs more than 63 bits. A zero anywhere makes it zero.
std::optional<std::int64_t> product(std::span<const std::int64_t> dims) {
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return 0;
  std::int64_t n = 1;
  for (const std::int64_t d : dims) {
    if (n > std::numeric_limits<std::int64_t>::max() / d) return std::nullopt;
    n *= d;
  }
  return n;
}

}  // namespace

Shape::Shape(std::span<const std::int64_t> dims)
    : rank_(static_cast<int>(std::min<std::size_t>(dims.size(), max_rank))) {
  check<ShapeError>(dims.size() <= max_rank, "shape of ", dims.size(), " axes: at most ", max_rank, " are supported");
  for (const std::int64_t d : dims) check<ShapeError>(d >= 0, "shape ", text_of(dims), ": ", d, " is negative");
  check<ShapeError>(product(dims).has_value(), "shape ", text_of(dims), ": the number of elements overflows 63 bits");
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

std::int64_t Shape::operator[](int i) const {
  // Not check(), which would make the text each time.
  if (i < -rank_ || i >= rank_) throw ShapeError(g2face::str("shape ", str(), " has no axis ", i));
  return dims_[static_cast<std::size_t>(i < 0 ? i + rank_ : i)];
}

std::int64_t Shape::numel() const { return product(dims()).value(); }

Shape Shape::with(int i, std::int64_t extent) const {
  check<ShapeError>(i >= -rank_ && i < rank_, "shape ", str(), " has no axis ", i);
  std::array<std::int64_t, max_rank> changed = dims_;
  changed[static_cast<std::size_t>(i < 0 ? i + rank_ : i)] = extent;
  return Shape(std::span<const std::int64_t>(changed.data(), static_cast<std::size_t>(rank_)));
}

bool Shape::operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

std::string Shape::str() const { return text_of(dims()); }

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.str(); }

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::max_rank> dims{};
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t da = i <= a.rank() ? a[-i] : 1;
    const std::int64_t db = i <= b.rank() ? b[-i] : 1;
    check<ShapeError>(da == db || da == 1 || db == 1, "shapes ", a, " and ", b, " do not broadcast: axis ", -i, " is ",
                      da, " and ", db);
    dims[static_cast<std::size_t>(rank - i)] = da == 1 ? db : da;
  }
  return Shape(std::span<const std::int64_t>(dims.data(), static_cast<std::size_t>(rank)));
}

}  // namespace g2face
