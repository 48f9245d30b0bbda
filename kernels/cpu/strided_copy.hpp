#pragma once
// Moving elements without looking at them: slice, pad, concat, transpose, broadcast, gather and changes of layout are
// all a walk over extents with a step for the source and one for the result.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "g2face/tensor.hpp"
#include "kernels/cpu/index_space.hpp"

namespace g2face::cpu {

/// Copies elements of 1, 2, 4 or 8 bytes: to[sum i_k to_step_k] = from[sum i_k from_step_k] for all indices i.
class StridedCopy {
 public:
  StridedCopy() = default;
  /// strides[0] is the source's, strides[1] the result's.
  StridedCopy(IndexSpace space, std::size_t element_bytes);
  void run(const void* from, void* to, int threads) const;

 private:
  IndexSpace space_;
  std::size_t bytes_ = 4;
};

/// Between a whole value and a box of the extents of `part` at `begin` inside `whole`. In blocks, the box begins and
/// ends between blocks.
struct BoxCopy {
  BoxCopy(const Shape& part, const Shape& whole, std::span<const std::int64_t> begin, std::int64_t block,
          std::size_t element_bytes);
  void extract(const void* whole, void* part, int threads) const;
  void insert(const void* part, void* whole, int threads) const;

 private:
  StridedCopy extract_, insert_;
  std::size_t offset_;  // bytes
};

/// From one layout to another; one of them is nchw.
StridedCopy relayout_copy(const TensorDesc& from, const TensorDesc& to);

}  // namespace g2face::cpu
