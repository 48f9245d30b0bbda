#include "kernels/cpu/index_space.hpp"

#include "g2face/graph/op.hpp"
#include "kernels/cpu/layout.hpp"

namespace g2face::cpu {
namespace {

std::int64_t block_of(const TensorDesc& desc) { return is_one_pixel(desc.type.shape) ? 1 : cpu::block_of(desc.layout); }

std::vector<std::int64_t> physical_strides(const TensorDesc& operand, int rank, std::int64_t block) {
  const Shape& own = operand.type.shape;
  const int missing = rank - own.rank();
  const std::int64_t own_block = block_of(operand);
  const auto own_steps = dense_strides(physical_extents(own, own_block));
  const auto step = [&](int axis) -> std::int64_t {
    return axis < missing || own[axis - missing] == 1 ? 0 : own_steps[static_cast<std::size_t>(axis - missing)];
  };
  std::vector<std::int64_t> strides;
  strides.reserve(static_cast<std::size_t>(rank) + 1);
  for (int axis = 0; axis < rank; ++axis) strides.push_back(step(axis));
  if (block > 1) {  // axis 1 becomes two: from block to block, and from channel to channel inside one
    const std::int64_t channel = own_block > 1 ? 1 : strides[1];
    if (own_block == 1) strides[1] *= block;
    strides.push_back(channel);
  }
  return strides;
}

}  // namespace

IndexSpace broadcast_space(const TensorDesc& result, std::span<const TensorDesc> operands) {
  const std::int64_t block = block_of(result);
  IndexSpace space;
  space.extents = physical_extents(result.type.shape, block);
  for (const TensorDesc& o : operands) space.strides.push_back(physical_strides(o, result.type.shape.rank(), block));
  return space;
}

std::int64_t IndexSpace::size() const {
  std::int64_t n = 1;
  for (const std::int64_t e : extents) n *= e;
  return n;
}

void IndexSpace::coalesce() {
  std::vector<std::int64_t> joined;
  std::vector<std::vector<std::int64_t>> steps(strides.size());
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    if (extents[axis] == 1) continue;
    bool joins = !joined.empty();
    for (std::size_t o = 0; o < strides.size() && joins; ++o) {
      joins = steps[o].back() == strides[o][axis] * extents[axis];
    }
    if (joins) {
      joined.back() *= extents[axis];
      for (std::size_t o = 0; o < strides.size(); ++o) steps[o].back() = strides[o][axis];
    } else {
      joined.push_back(extents[axis]);
      for (std::size_t o = 0; o < strides.size(); ++o) steps[o].push_back(strides[o][axis]);
    }
  }
  if (joined.empty()) {
    joined.push_back(1);
    for (auto& s : steps) s.push_back(1);
  }
  extents = std::move(joined);
  strides = std::move(steps);
}

}  // namespace g2face::cpu
