#include "kernels/cuda/index_space.hpp"

#include <algorithm>
#include <numeric>

namespace g2face::cuda {

std::vector<int> memory_order(const TensorDesc& value) {
  if (value.layout == Layout::nhwc || is_narrow(value.layout)) return {0, 2, 3, 1};
  std::vector<int> order(static_cast<std::size_t>(value.type.shape.rank()));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<std::int64_t> steps_of(const TensorDesc& value) {
  const std::vector<int> order = memory_order(value);
  std::vector<std::int64_t> steps(order.size());
  std::int64_t step = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    steps[static_cast<std::size_t>(order[i])] = step;
    step *= value.type.shape[order[i]];
  }
  return steps;
}

IndexSpace broadcast_space(const TensorDesc& result, std::span<const TensorDesc> operands) {
  const Shape& shape = result.type.shape;
  IndexSpace space;
  const auto add_steps = [&](const TensorDesc& value, std::size_t operand) {
    const Shape& own = value.type.shape;
    const std::vector<std::int64_t> steps = steps_of(value);
    const std::vector<int> order = memory_order(result);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const int axis = order[i] - (shape.rank() - own.rank());  // of the operand
      const bool repeats = axis < 0 || own[axis] != shape[order[i]];
      space.axes[i].step[operand] = repeats ? 0 : steps[static_cast<std::size_t>(axis)];
    }
  };
  for (const int axis : memory_order(result)) space.axes.push_back({shape[axis], {}});
  add_steps(result, 0);
  for (std::size_t i = 0; i < operands.size(); ++i) add_steps(operands[i], i + 1);
  return space;
}

std::int64_t IndexSpace::size() const {
  std::int64_t n = 1;
  for (const Axis& axis : axes) n *= axis.extent;
  return n;
}

void IndexSpace::coalesce() {
  std::vector<Axis> joined;
  for (const Axis& axis : axes) {
    if (axis.extent == 1) continue;
    bool continues = !joined.empty();
    for (std::size_t o = 0; o < max_operands && continues; ++o) {
      continues = joined.back().step[o] == axis.step[o] * axis.extent;
    }
    if (continues) {
      joined.back() = {joined.back().extent * axis.extent, axis.step};
    } else {
      joined.push_back(axis);
    }
  }
  axes = std::move(joined);
}

std::int64_t IndexSpace::vector_width(std::size_t operands, std::int64_t most) const {
  if (axes.empty()) return 1;
  std::int64_t width = std::gcd(most, axes.back().extent);
  for (std::size_t o = 0; o < operands; ++o) {
    if (axes.back().step[o] != 1) return 1;
    width = std::gcd(width, begin[o]);
    for (std::size_t axis = 0; axis + 1 < axes.size(); ++axis) width = std::gcd(width, axes[axis].step[o]);
  }
  return width;
}

IndexSpace IndexSpace::in_vectors(std::size_t operands, std::int64_t width) const {
  if (width == 1) return *this;
  IndexSpace vectors = *this;
  vectors.axes.back().extent /= width;
  for (std::size_t o = 0; o < operands; ++o) {
    vectors.begin[o] /= width;
    for (std::size_t axis = 0; axis + 1 < axes.size(); ++axis) vectors.axes[axis].step[o] /= width;
  }
  return vectors;
}

std::vector<IndexSpace> IndexSpace::pieces(std::int64_t most) const {
  if (size() <= most) return {*this};
  IndexSpace first = *this, second = *this;
  const auto axis = static_cast<std::size_t>(
      std::find_if(axes.begin(), axes.end(), [](const Axis& a) { return a.extent > 1; }) - axes.begin());
  first.axes[axis].extent = axes[axis].extent / 2;
  second.axes[axis].extent -= first.axes[axis].extent;
  for (std::size_t o = 0; o < max_operands; ++o) second.begin[o] += first.axes[axis].extent * axes[axis].step[o];
  std::vector<IndexSpace> all = first.pieces(most);
  for (IndexSpace& piece : second.pieces(most)) all.push_back(std::move(piece));
  return all;
}

}  // namespace g2face::cuda
