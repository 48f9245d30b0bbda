// The only list of ops.
#include <array>

#include "g2face/graph/op.hpp"
#include "g2face/ops.hpp"

namespace g2face {

std::span<const OpDef* const> all_ops() {
  // clang-format off
  static constexpr std::array ops{
      &binary_op,
      &bits_to_float_op,
      &broadcast_op,
      &cast_op,
      &concat_op,
      &float_to_bits_op,
      &gather_grad_op,
      &gather_op,
      &pad_op,
      &pointwise_op,
      &random_op,
      &reduce_op,
      &reorder_op,
      &reshape_op,
      &select_op,
      &slice_op,
      &transpose_op,
      &unary_op,
  };
  // clang-format on
  return ops;
}

}  // namespace g2face
