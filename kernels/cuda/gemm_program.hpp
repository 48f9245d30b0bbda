#pragma once
// Elementwise programs in the epilogues of implicit matrix products, as the planner sees them.

#include <optional>
#include <vector>

#include "g2face/graph/op.hpp"
#include "kernels/cuda/pointwise_program.hpp"

namespace g2face::cuda {

/// A program that makes results of the sums (its input 0) and of other values; all results are images like y, of whole
/// pieces of 16 bytes of channels.
struct GemmEpilogue {
  const PointwiseAttrs* attrs = nullptr;  // that the program was made of
  PointwiseProgram program;
  // They and the results stand behind the signature's inputs and in place of its output.
  std::vector<TensorDesc> others;
};

/// Whether the kernel can read a value beside the sums of y, and its layout then: as a feature, or repeated along
/// pixels or along channels.
std::optional<Layout> epilogue_layout(const Shape& other, const Shape& y, Layout features);

}  // namespace g2face::cuda
