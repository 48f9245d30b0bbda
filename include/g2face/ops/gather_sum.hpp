#pragma once

#include <cstdint>
#include <span>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Adds up the elements of the last axis that the rows of a table list: a sparse matrix of zeros and ones times x.
///   y[..,m] = sum over d, ascending, of x[..,table[m,d]]      x [...,R], table [M,D], inverse [R,E] -> y [...,M]
/// Entries of a table outside 0..R-1 count as nothing, which is how rows of unequal lengths are padded. With D = 1 it
/// picks elements. Unlike gather, it knows the indices only when it runs, and each may be listed many times.
/// R1: x has a floating dtype and at least one axis.  R2: table and inverse are i32 of rank 2.  R3: inverse has as many
/// rows as the last axis of x has elements.
/// Gradient: closed: gather_sum(dy, inverse, table), right if inverse is inverse_table(table, R). No gradient to the
/// tables. Every sum has one order: bitwise reproducible.
Value gather_sum(Value x, Value table, Value inverse);

/// Row r lists the rows m of `table` that list r, ascending, as often as they do; padded with table.shape()[0]. Has at
/// least one column. Throws ShapeError unless table is i32 of rank 2.
Tensor inverse_table(const Tensor& table, std::int64_t rows);

extern const OpDef gather_sum_op;

}  // namespace g2face
