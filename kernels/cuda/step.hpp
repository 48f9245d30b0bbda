#pragma once
// What every room needs to turn a launch into a Step.

#include <cuda_runtime.h>

#include <algorithm>
#include <optional>

#include "g2face/graph/op.hpp"
#include "kernels/cuda/layouts.hpp"

namespace g2face::cuda {

inline cudaStream_t stream_of(const Stream& stream) { return static_cast<cudaStream_t>(stream.handle); }

/// Whether all operands are row-major and of the dtype.
inline bool is_plain(const Signature& s, DType dtype) {
  const auto fits = [dtype](const TensorDesc& d) { return d.type.dtype == dtype && d.layout == Layout::nchw; };
  return std::all_of(s.in.begin(), s.in.end(), fits) && std::all_of(s.out.begin(), s.out.end(), fits);
}

}  // namespace g2face::cuda
