#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct MatmulAttrs {
  bool transpose_a = false, transpose_b = false;  // of the last two axes
  bool operator==(const MatmulAttrs&) const = default;
  std::string str() const;
};

/// Matrix product, batched over leading axes.
///   c = op(a) op(b)        a [...,M,K] (or [...,K,M] if transpose_a), b [...,K,N] (or [...,N,K]) -> c [...,M,N]
/// R1: a and b have the same floating dtype and the same rank >= 2.  R2: their leading axes are equal.
/// R3: the inner extents agree.  Gradient: closed. Reproducible for a given thread count.
Value matmul(Value a, Value b, const MatmulAttrs& attrs = {});

extern const OpDef matmul_op;

}  // namespace g2face
