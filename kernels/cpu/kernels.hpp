#pragma once
// Every CPU kernel, for the rows in src/ops. A kernel declines (returns nothing) what it is not made for: other dtypes
// than f32 unless it only moves elements, and layouts that its cpu_layouts does not list.

#include <optional>
#include <span>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/ops/affine_sample2d.hpp"
#include "g2face/ops/all_reduce.hpp"
#include "g2face/ops/bits.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/cast.hpp"
#include "g2face/ops/cholesky_solve.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/conv2d.hpp"
#include "g2face/ops/gather.hpp"
#include "g2face/ops/landmark_normal_equations.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/modulated_conv2d.hpp"
#include "g2face/ops/moments.hpp"
#include "g2face/ops/pad.hpp"
#include "g2face/ops/pointwise.hpp"
#include "g2face/ops/pointwise_sums.hpp"
#include "g2face/ops/pool2d.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/rasterize.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/transpose.hpp"
#include "g2face/ops/upfirdn2d.hpp"
#include "g2face/ops/vertex_normals.hpp"

namespace g2face {

using MaybeStep = std::optional<Step>;
using LayoutChoices = std::vector<LayoutChoice>;

MaybeStep adam_cpu(const AdamAttrs& a, const Signature& s);
MaybeStep affine_sample2d_cpu(const AffineSample2dAttrs& a, const Signature& s);
MaybeStep affine_sample2d_grad_cpu(const AffineSample2dAttrs& a, const Signature& s);
MaybeStep all_reduce_cpu(const AllReduceAttrs& a, const Signature& s);
MaybeStep all_reduce_start_cpu(const ReductionBucketAttrs& a, const Signature& s);
MaybeStep all_reduce_wait_cpu(const ReductionBucketAttrs& a, const Signature& s);
MaybeStep antialias_cpu(const NoAttrs& a, const Signature& s);
MaybeStep antialias_grad_cpu(const NoAttrs& a, const Signature& s);
MaybeStep barycentrics_cpu(const NoAttrs& a, const Signature& s);
MaybeStep barycentrics_grad_cpu(const NoAttrs& a, const Signature& s);
MaybeStep bits_to_float_cpu(const BitsAttrs& a, const Signature& s);
MaybeStep broadcast_cpu(const BroadcastAttrs& a, const Signature& s);
LayoutChoices broadcast_cpu_layouts(const BroadcastAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep cast_cpu(const CastAttrs& a, const Signature& s);
LayoutChoices cast_cpu_layouts(const CastAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep cholesky_solve_cpu(const NoAttrs& a, const Signature& s);
MaybeStep concat_conv2d_cpu(const NoAttrs& a, const Signature& s);
LayoutChoices concat_conv2d_cpu_layouts(const NoAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep concat_cpu(const ConcatAttrs& a, const Signature& s);
LayoutChoices concat_cpu_layouts(const ConcatAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep conv2d_cpu(const Conv2dAttrs& a, const Signature& s);
LayoutChoices conv2d_cpu_layouts(const Conv2dAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep conv2d_input_grad_cpu(const Conv2dAttrs& a, const Signature& s);
MaybeStep conv2d_weight_grad_cpu(const Conv2dAttrs& a, const Signature& s);
LayoutChoices conv2d_weight_grad_cpu_layouts(const Conv2dAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep float_to_bits_cpu(const NoAttrs& a, const Signature& s);
MaybeStep gather_cpu(const GatherAttrs& a, const Signature& s);
LayoutChoices gather_cpu_layouts(const GatherAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep gather_grad_cpu(const GatherAttrs& a, const Signature& s);
MaybeStep gather_sum_cpu(const NoAttrs& a, const Signature& s);
MaybeStep interpolate_attributes_grad_cpu(const NoAttrs& a, const Signature& s);
MaybeStep interpolate_cpu(const NoAttrs& a, const Signature& s);
MaybeStep interpolate_weights_grad_cpu(const NoAttrs& a, const Signature& s);
MaybeStep landmark_normal_equations_cpu(const LandmarkNormalEquationsAttrs& a, const Signature& s);
MaybeStep log_sum_exp_cpu(const NoAttrs& a, const Signature& s);
MaybeStep matmul_cpu(const MatmulAttrs& a, const Signature& s);
MaybeStep max_pool2d_cpu(const Pool2dAttrs& a, const Signature& s);
LayoutChoices max_pool2d_cpu_layouts(const Pool2dAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep max_pool2d_grad_cpu(const Pool2dAttrs& a, const Signature& s);
MaybeStep max_pool2d_pick_cpu(const Pool2dAttrs& a, const Signature& s);
MaybeStep moments_cpu(const MomentsAttrs& a, const Signature& s);
LayoutChoices moments_cpu_layouts(const MomentsAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep pad_cpu(const PadAttrs& a, const Signature& s);
LayoutChoices pad_cpu_layouts(const PadAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep pointwise_cpu(const PointwiseAttrs& a, const Signature& s);
LayoutChoices pointwise_cpu_layouts(const PointwiseAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep pointwise_sums_cpu(const PointwiseSumsAttrs& a, const Signature& s);
LayoutChoices pointwise_sums_cpu_layouts(const PointwiseSumsAttrs& a, std::span<const Type> in,
                                         std::span<const Type> out);
MaybeStep random_cpu(const RandomAttrs& a, const Signature& s);
MaybeStep rasterize_cpu(const RasterizeAttrs& a, const Signature& s);
MaybeStep reduce_cpu(const ReduceAttrs& a, const Signature& s);
LayoutChoices reduce_cpu_layouts(const ReduceAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep reorder_cpu(const NoAttrs& a, const Signature& s);
MaybeStep reshape_cpu(const ReshapeAttrs& a, const Signature& s);
MaybeStep silhouettes_cpu(const NoAttrs& a, const Signature& s);
MaybeStep silhouettes_grad_cpu(const NoAttrs& a, const Signature& s);
MaybeStep slice_cpu(const SliceAttrs& a, const Signature& s);
LayoutChoices slice_cpu_layouts(const SliceAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep transpose_cpu(const TransposeAttrs& a, const Signature& s);
MaybeStep upfirdn2d_cpu(const Upfirdn2dAttrs& a, const Signature& s);
LayoutChoices upfirdn2d_cpu_layouts(const Upfirdn2dAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep vertex_normals_cpu(const VertexNormalsAttrs& a, const Signature& s);

}  // namespace g2face
