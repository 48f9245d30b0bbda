#pragma once
// The CUDA kernels that rows of ops name, and the layouts they take. A kernel declines (returns nothing) what it is not
// made for.

#include <optional>
#include <span>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/ops/affine_sample2d.hpp"
#include "g2face/ops/all_reduce.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/bits.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/cast.hpp"
#include "g2face/ops/cholesky_solve.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/conv2d.hpp"
#include "g2face/ops/conv2d_pointwise.hpp"
#include "g2face/ops/ema.hpp"
#include "g2face/ops/gather.hpp"
#include "g2face/ops/landmark_normal_equations.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/moments.hpp"
#include "g2face/ops/pad.hpp"
#include "g2face/ops/pointwise.hpp"
#include "g2face/ops/pool2d.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/rasterize.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/transpose.hpp"
#include "g2face/ops/unary.hpp"
#include "g2face/ops/upfirdn2d.hpp"
#include "g2face/ops/vertex_normals.hpp"

namespace g2face {

std::optional<Step> adam_cuda(const AdamAttrs& a, const Signature& s);
std::optional<Step> affine_sample2d_cuda(const AffineSample2dAttrs& a, const Signature& s);
std::optional<Step> affine_sample2d_grad_cuda(const AffineSample2dAttrs& a, const Signature& s);
std::optional<Step> all_reduce_cuda(const AllReduceAttrs& a, const Signature& s);
std::optional<Step> all_reduce_start_cuda(const ReductionBucketAttrs& a, const Signature& s);
std::optional<Step> all_reduce_wait_cuda(const ReductionBucketAttrs& a, const Signature& s);
std::optional<Step> antialias_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> antialias_grad_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> barycentrics_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> barycentrics_grad_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> binary_cuda(const BinaryAttrs& a, const Signature& s);
std::optional<Step> bits_to_float_cuda(const BitsAttrs& a, const Signature& s);
std::optional<Step> broadcast_cuda(const BroadcastAttrs& a, const Signature& s);
std::vector<LayoutChoice> broadcast_cuda_layouts(const BroadcastAttrs& a, std::span<const Type> in,
                                                 std::span<const Type> out, Precision precision);
std::optional<Step> cast_cuda(const CastAttrs& a, const Signature& s);
std::vector<LayoutChoice> cast_cuda_layouts(const CastAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                            Precision precision);
std::optional<Step> cholesky_solve_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> concat_conv2d_cuda(const NoAttrs& a, const Signature& s);
std::vector<Step> concat_conv2d_cuda_others(const NoAttrs& a, const Signature& s);
std::vector<LayoutChoice> concat_conv2d_cuda_layouts(const NoAttrs& a, std::span<const Type> in,
                                                     std::span<const Type> out, Precision precision);
std::optional<Step> concat_cuda(const ConcatAttrs& a, const Signature& s);
std::vector<LayoutChoice> concat_cuda_layouts(const ConcatAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision);
std::optional<Step> conv2d_cuda(const Conv2dAttrs& a, const Signature& s);
std::vector<Step> conv2d_cuda_others(const Conv2dAttrs& a, const Signature& s);
std::vector<LayoutChoice> conv2d_cuda_layouts(const Conv2dAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision);
std::optional<Step> conv2d_input_grad_cuda(const Conv2dAttrs& a, const Signature& s);
std::vector<Step> conv2d_input_grad_cuda_others(const Conv2dAttrs& a, const Signature& s);
std::vector<LayoutChoice> conv2d_input_grad_cuda_layouts(const Conv2dAttrs& a, std::span<const Type> in,
                                                         std::span<const Type> out, Precision precision);
std::optional<Step> conv2d_pointwise_cuda(const Conv2dPointwiseAttrs& a, const Signature& s);
std::vector<Step> conv2d_pointwise_cuda_others(const Conv2dPointwiseAttrs& a, const Signature& s);
std::vector<LayoutChoice> conv2d_pointwise_cuda_layouts(const Conv2dPointwiseAttrs& a, std::span<const Type> in,
                                                        std::span<const Type> out, Precision precision);
std::optional<Step> conv2d_weight_grad_cuda(const Conv2dAttrs& a, const Signature& s);
std::vector<Step> conv2d_weight_grad_cuda_others(const Conv2dAttrs& a, const Signature& s);
std::vector<LayoutChoice> conv2d_weight_grad_cuda_layouts(const Conv2dAttrs& a, std::span<const Type> in,
                                                          std::span<const Type> out, Precision precision);
std::optional<Step> ema_cuda(const EmaAttrs& a, const Signature& s);
std::optional<Step> float_to_bits_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> gather_cuda(const GatherAttrs& a, const Signature& s);
std::vector<LayoutChoice> gather_cuda_layouts(const GatherAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision);
std::optional<Step> gather_grad_cuda(const GatherAttrs& a, const Signature& s);
std::vector<LayoutChoice> gather_grad_cuda_layouts(const GatherAttrs& a, std::span<const Type> in,
                                                   std::span<const Type> out, Precision precision);
std::optional<Step> gather_sum_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> interpolate_attributes_grad_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> interpolate_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> interpolate_weights_grad_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> landmark_normal_equations_cuda(const LandmarkNormalEquationsAttrs& a, const Signature& s);
std::optional<Step> log_sum_exp_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> matmul_cuda(const MatmulAttrs& a, const Signature& s);
std::vector<Step> matmul_cuda_others(const MatmulAttrs& a, const Signature& s);
std::optional<Step> max_pool2d_cuda(const Pool2dAttrs& a, const Signature& s);
std::vector<LayoutChoice> max_pool2d_cuda_layouts(const Pool2dAttrs& a, std::span<const Type> in,
                                                  std::span<const Type> out, Precision precision);
std::optional<Step> max_pool2d_grad_cuda(const Pool2dAttrs& a, const Signature& s);
std::optional<Step> max_pool2d_pick_cuda(const Pool2dAttrs& a, const Signature& s);
std::optional<Step> moments_cuda(const MomentsAttrs& a, const Signature& s);
std::vector<LayoutChoice> moments_cuda_layouts(const MomentsAttrs& a, std::span<const Type> in,
                                               std::span<const Type> out, Precision precision);
std::optional<Step> pad_cuda(const PadAttrs& a, const Signature& s);
std::vector<LayoutChoice> pad_cuda_layouts(const PadAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                           Precision precision);
std::optional<Step> pointwise_cuda(const PointwiseAttrs& a, const Signature& s);
std::vector<LayoutChoice> pointwise_cuda_layouts(const PointwiseAttrs& a, std::span<const Type> in,
                                                 std::span<const Type> out, Precision precision);
std::optional<Step> random_cuda(const RandomAttrs& a, const Signature& s);
std::optional<Step> rasterize_cuda(const RasterizeAttrs& a, const Signature& s);
std::optional<Step> reduce_cuda(const ReduceAttrs& a, const Signature& s);
std::vector<LayoutChoice> reduce_cuda_layouts(const ReduceAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                              Precision precision);
std::optional<Step> reorder_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> select_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> silhouettes_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> silhouettes_grad_cuda(const NoAttrs& a, const Signature& s);
std::optional<Step> slice_cuda(const SliceAttrs& a, const Signature& s);
std::vector<LayoutChoice> slice_cuda_layouts(const SliceAttrs& a, std::span<const Type> in, std::span<const Type> out,
                                             Precision precision);
std::optional<Step> transpose_cuda(const TransposeAttrs& a, const Signature& s);
std::optional<Step> unary_cuda(const UnaryAttrs& a, const Signature& s);
std::optional<Step> upfirdn2d_cuda(const Upfirdn2dAttrs& a, const Signature& s);
std::vector<LayoutChoice> upfirdn2d_cuda_layouts(const Upfirdn2dAttrs& a, std::span<const Type> in,
                                                 std::span<const Type> out, Precision precision);
std::optional<Step> vertex_normals_cuda(const VertexNormalsAttrs& a, const Signature& s);

}  // namespace g2face
