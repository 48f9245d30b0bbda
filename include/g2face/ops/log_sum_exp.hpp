#pragma once

#include "g2face/graph/graph.hpp"

namespace g2face {

/// The logarithm of a sum of exponentials, over the last axis, without overflow: the largest is taken out first.
///   y[..] = log sum_i exp(x[.., i])        x [..,C] -> y [..]
/// R1: x has a floating dtype, rank 1 or more, and its last extent is not 0.
/// Gradient: dy exp(x - y), which is the softmax times dy; closed. The sum has a fixed order. A row whose largest
/// value is infinite gives that.
Value log_sum_exp(Value x);

extern const OpDef log_sum_exp_op;

}  // namespace g2face
