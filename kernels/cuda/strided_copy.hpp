#pragma once
// Moving elements without looking at them: slice, pad, concat, transpose and broadcast are all a walk over extents with
// a step for the source and one for the result.

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "g2face/graph/step.hpp"
#include "kernels/cuda/index_space.hpp"

namespace g2face::cuda {

/// A copy with every decision made.
struct StridedCopy {
  const char* way = "nothing";  // what the name of a kernel says of it
  std::function<void(const void* from, void* to, cudaStream_t stream)> run = [](const void*, void*, cudaStream_t) {};
};

/// Copies elements of 1, 2, 4 or 8 bytes. Operand 0 of the space is the result, and the axes are in the order of its
/// memory; operand 1 is the source.
StridedCopy strided_copy(IndexSpace space, std::size_t element_bytes);

/// The step that is one copy, of input 0.
Step copy_step(std::string_view op, const StridedCopy& copy);

/// The copy of a box of the extents of `part` at `begin` inside `whole`, out of it or into it; both have one layout.
enum class Box { extract, insert };
StridedCopy box_copy(Box direction, const TensorDesc& part, const TensorDesc& whole,
                     std::span<const std::int64_t> begin);

}  // namespace g2face::cuda
