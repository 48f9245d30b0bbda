#pragma once
// Every CPU kernel, for the rows in src/ops. A kernel declines (returns nothing) what it is not made for: other dtypes
// than f32 unless it only moves elements, and layouts that its cpu_layouts does not list.

#include <optional>
#include <span>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/ops/conv2d.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/pointwise.hpp"

namespace g2face {

using MaybeStep = std::optional<Step>;
using LayoutChoices = std::vector<LayoutChoice>;

MaybeStep conv2d_cpu(const Conv2dAttrs& a, const Signature& s);
LayoutChoices conv2d_cpu_layouts(const Conv2dAttrs& a, std::span<const Type> in, std::span<const Type> out);
MaybeStep conv2d_input_grad_cpu(const Conv2dAttrs& a, const Signature& s);
MaybeStep conv2d_weight_grad_cpu(const Conv2dAttrs& a, const Signature& s);
LayoutChoices conv2d_weight_grad_cpu_layouts(const Conv2dAttrs& a, std::span<const Type> in, std::span<const Type> out);

MaybeStep matmul_cpu(const MatmulAttrs& a, const Signature& s);

MaybeStep pointwise_cpu(const PointwiseAttrs& a, const Signature& s);
LayoutChoices pointwise_cpu_layouts(const PointwiseAttrs& a, std::span<const Type> in, std::span<const Type> out);

MaybeStep reorder_cpu(const NoAttrs& a, const Signature& s);

}  // namespace g2face
