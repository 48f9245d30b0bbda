// The only list of ops.
#include <array>

#include "g2face/graph/op.hpp"
#include "g2face/ops.hpp"

namespace g2face {

std::span<const OpDef* const> all_ops() {
  // clang-format off
  static constexpr std::array ops{
      &adam_op,
      &affine_sample2d_grad_op,
      &all_reduce_op,
      &all_reduce_start_op,
      &all_reduce_wait_op,
      &affine_sample2d_op,
      &angular_margin_op,
      &antialias_grad_op,
      &antialias_op,
      &barycentrics_grad_op,
      &barycentrics_op,
      &batch_norm_op,
      &bias_act_op,
      &binary_op,
      &bits_to_float_op,
      &broadcast_op,
      &cast_op,
      &cholesky_solve_op,
      &concat_conv2d_op,
      &concat_op,
      &conv2d_input_grad_op,
      &conv2d_op,
      &conv2d_pointwise_op,
      &conv2d_weight_grad_op,
      &ema_op,
      &float_to_bits_op,
      &gather_grad_op,
      &gather_op,
      &gather_sum_op,
      &instance_norm_op,
      &interpolate_attributes_grad_op,
      &interpolate_op,
      &interpolate_weights_grad_op,
      &l2_normalize_op,
      &landmark_normal_equations_op,
      &log_sum_exp_op,
      &matmul_op,
      &max_pool2d_grad_op,
      &max_pool2d_op,
      &max_pool2d_pick_op,
      &minibatch_stddev_op,
      &modulated_conv2d_op,
      &moments_op,
      &pad_op,
      &pixel_norm_op,
      &pointwise_op,
      &pointwise_sums_op,
      &random_op,
      &rasterize_op,
      &reduce_op,
      &reorder_op,
      &reshape_op,
      &resize2d_op,
      &select_op,
      &silhouettes_grad_op,
      &silhouettes_op,
      &slice_op,
      &softmax_cross_entropy_op,
      &transpose_op,
      &unary_op,
      &upfirdn2d_op,
      &vertex_normals_op,
  };
  // clang-format on
  return ops;
}

}  // namespace g2face
