#pragma once
// Iteration over several dense operands at once: extents of the result in the order it lies in memory, and for each
// operand how far one step along each extent moves it (0 where it is repeated).

#include <cstdint>
#include <span>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face::cpu {

struct IndexSpace {
  std::vector<std::int64_t> extents;
  std::vector<std::vector<std::int64_t>> strides;  // [operand][axis], in elements

  std::int64_t size() const;
  /// Joins neighbouring axes that every operand walks through without a jump, and drops axes of extent 1; at least one
  /// axis stays.
  void coalesce();
};

/// The space of `result`, whose layout decides the order of axes, with the operands broadcast to it by NumPy's rule.
/// Blocked operands need a result of the same layout; row-major ones may have any. [N,C,1,1] counts as row-major.
IndexSpace broadcast_space(const TensorDesc& result, std::span<const TensorDesc> operands);

}  // namespace g2face::cpu
