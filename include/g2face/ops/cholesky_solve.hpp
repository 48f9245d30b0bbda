#pragma once

#include "g2face/graph/graph.hpp"

namespace g2face {

struct CholeskySolution {
  Value x;   // [N,P,K]; zeros where the matrix has no Cholesky factor
  Value ok;  // [N]: 1 or 0; gradient 0
};

/// Solves systems of symmetric positive definite matrices, each of a batch by itself.
///   a x = b        a [N,P,P], b [N,P,K] -> x [N,P,K], ok [N]
/// Of a the elements on and above the diagonal are read; those below are taken to be their mirror image.
/// ok is 0, and x is 0, where a pivot of the factorisation is not a positive number or x is not finite: a matrix that
/// is not positive definite to the precision of its dtype, or one or a right side that is not finite.
/// R1: a and b have the same floating dtype and rank 3.  R2: a is [N,P,P] and b is [N,P,K].
/// Gradient: closed; db = solve(a, dx), da = -(db x^T + x db^T), folded onto the triangle that is read.
/// Every sum has a fixed order, and a system has the same result in every batch.
/// Source: a = u^T u as in Golub and Van Loan, Matrix Computations, section 4.2.
CholeskySolution cholesky_solve(Value a, Value b);

extern const OpDef cholesky_solve_op;

}  // namespace g2face
