#include "g2face/ops/cholesky_solve.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/transpose.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const NoAttrs&, std::span<const Type> in) {
  const Shape &a = in[0].shape, &b = in[1].shape;
  check<ShapeError>(
      is_float(in[0].dtype) && in[0].dtype == in[1].dtype && in[0].shape.rank() == 3 && in[1].shape.rank() == 3, "a ",
      in[0].str(), " and b ", in[1].str(), " must have rank 3 and the same floating dtype (R1)");
  check<ShapeError>(a[1] == a[2] && b[0] == a[0] && b[1] == a[1], "a ", a, " and b ", b,
                    " must be [N,P,P] and [N,P,K] (R2)");
  return {in[1], {in[0].dtype, {a[0]}}};
}

/// 1 above the diagonal, 1/2 on it: what of db x^T + x db^T belongs to the elements that are read.
Value read_triangle(Graph& g, DType dtype, std::int64_t n) {
  Tensor mask = Tensor::zeros({DType::f64, {n, n}});
  const std::span<double> m = mask.mutable_as<double>();
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i; j < n; ++j) m[static_cast<std::size_t>(i * n + j)] = i == j ? 0.5 : 1;
  }
  return g.constant(mask.to(dtype));
}

void grad(GradRule& r, const NoAttrs&) {
  const Value db = cholesky_solve(r.in(0), r.dy()).x;
  if (r.needs(0)) {
    const Value outer = matmul(db, r.out(), {.transpose_b = true});
    const Value mask = read_triangle(r.graph(), r.in(0).dtype(), r.in(0).shape()[1]);
    r.dx(0, -((outer + transpose(outer, {0, 2, 1})) * mask));
  }
  if (r.needs(1)) r.dx(1, db);
}

/// Row by row u of a = u^T u, in place. Whether all pivots were positive.
bool factorise(double* u, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) {
      for (std::size_t k = 0; k < i; ++k) u[i * n + j] -= u[k * n + i] * u[k * n + j];
    }
    const double pivot = u[i * n + i];
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    for (std::size_t j = i; j < n; ++j) u[i * n + j] /= std::sqrt(pivot);
  }
  return true;
}

/// Column by column: u^T y = b, then u x = y.
void substitute(const double* u, double* x, std::size_t n, std::size_t columns) {
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < i; ++k) x[i * columns + c] -= u[k * n + i] * x[k * columns + c];
      x[i * columns + c] /= u[i * n + i];
    }
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) x[i * columns + c] -= u[i * n + k] * x[k * columns + c];
      x[i * columns + c] /= u[i * n + i];
    }
  }
}

void reference(const NoAttrs&, const ReferenceArgs& args) {
  const Shape& b = args.in_shape(1);
  const auto n = static_cast<std::size_t>(b[1]), columns = static_cast<std::size_t>(b[2]);
  for (std::size_t s = 0; s < static_cast<std::size_t>(b[0]); ++s) {
    const std::span<const double> a = args.in(0).subspan(s * n * n, n * n);
    const std::span<const double> right = args.in(1).subspan(s * n * columns, n * columns);
    const std::span<double> x = args.out().subspan(s * n * columns, n * columns);
    std::vector<double> u(a.begin(), a.end());
    std::copy(right.begin(), right.end(), x.begin());
    bool ok = factorise(u.data(), n);
    if (ok) {
      substitute(u.data(), x.data(), n, columns);
      ok = std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
    }
    if (!ok) std::fill(x.begin(), x.end(), 0.0);
    args.out(1)[s] = ok ? 1 : 0;
  }
}

}  // namespace

CholeskySolution cholesky_solve(Value a, Value b) {
  const Value x = a.graph->add(cholesky_solve_op, {a, b}, NoAttrs{});
  return {x, {x.graph, x.node, 1}};
}

const OpDef cholesky_solve_op = define_op<NoAttrs, infer, grad, reference>("cholesky_solve")
                                    .with_cpu<NoAttrs, cholesky_solve_cpu>()
                                    .with_cuda<NoAttrs, cholesky_solve_cuda>();

}  // namespace g2face
