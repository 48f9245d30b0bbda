#pragma once
// The CUDA kernels. A kernel declines (returns nothing) what it is not made for: layouts other than nchw, dtypes other
// than f32 and f64.

#include <optional>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/bias_act.hpp"
#include "g2face/ops/upfirdn2d.hpp"

namespace g2face {

std::optional<Step> bias_act_cuda(const BiasActAttrs& a, const Signature& s);
std::optional<Step> upfirdn2d_cuda(const Upfirdn2dAttrs& a, const Signature& s);

}  // namespace g2face
