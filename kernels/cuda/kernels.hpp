#pragma once
// The CUDA kernels that rows of ops name. A kernel declines (returns nothing) what it is not made for.

#include <optional>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/upfirdn2d.hpp"

namespace g2face {

std::optional<Step> upfirdn2d_cuda(const Upfirdn2dAttrs& a, const Signature& s);

}  // namespace g2face
