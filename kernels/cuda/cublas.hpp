#pragma once
// cuBLASLt: matrix products by NVIDIA's library. The only file that knows it is cublas.cpp.

#include <optional>
#include <string>
#include <vector>

#include "g2face/device.hpp"
#include "g2face/dtype.hpp"
#include "g2face/graph/step.hpp"

namespace g2face::cuda {

/// c [m,n] = op(a) op(b), row-major without gaps, for each of `batches`. a [m,k] (or [k,m] if transpose_a) and b [k,n]
/// (or [n,k]) are stored as `in`, c as `out`.
struct MatrixProduct {
  std::int64_t batches = 1, m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  DType in = DType::f32, out = DType::f32;
};

/// Steps that take (a, b) and give c, the most promising first by the library's own estimate; none if this build or
/// machine has no cuBLASLt, or it has no way to do it. Products of f32 are of f32 in strict and fast, of tf32 in the
/// other precisions. Sums have a fixed order.
std::vector<Step> cublaslt_steps(const std::string& op, const MatrixProduct& product, Precision precision);

/// "13.1.0"; "none" if this machine lacks it; nothing if this build does.
std::optional<std::string> cublaslt_version();

}  // namespace g2face::cuda
