#pragma once
// The compiled programs of the op pointwise, as its kernel finds them.

#include <optional>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/pointwise.hpp"
#include "kernels/cuda/index_space.hpp"

namespace g2face::cuda {

/// A step for a program of CompiledPrograms, where its operands lie in the space [outer][line][inner] as the table
/// says; otherwise nothing.
std::optional<Step> compiled_step(const PointwiseAttrs& attrs, const IndexSpace& space, const Signature& signature);

}  // namespace g2face::cuda
