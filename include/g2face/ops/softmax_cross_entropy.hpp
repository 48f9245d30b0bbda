#pragma once

#include "g2face/graph/graph.hpp"

namespace g2face {

/// 1 where a class is the label, else 0.
///   labels i32 [N] -> [N,classes], f32 or f64
/// A label outside 0 .. classes-1 gives a row of zeros. Throws ShapeError unless labels are i32 of rank 1 and there are
/// 1 to 2^24 classes, which f32 can tell apart.
Value one_hot(Value labels, std::int64_t classes, DType dtype = DType::f32);

/// The cross entropy of the softmax of each row, given which class is right.
///   y[n] = log sum_c exp(x[n,c]) - x[n, label[n]]        x [N,C], labels i32 [N] -> y [N]
/// R1: x is f32 or f64 of rank 2.  R2: labels are i32 [N].
/// Formula: log_sum_exp(x) - sum(x one_hot(labels)). The gradient is (softmax(x) - one_hot(labels)) dy. A label outside
/// 0 .. C-1 stands for none of the classes: y is then log_sum_exp alone.
Value softmax_cross_entropy(Value x, Value labels);

extern const OpDef softmax_cross_entropy_op;

}  // namespace g2face
