#include "g2face/ops/matmul.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const MatmulAttrs& attrs, std::span<const Type> in) {
  const Shape &a = in[0].shape, &b = in[1].shape;
  check<ShapeError>(a.rank() >= 2 && a.rank() == b.rank() && is_float(in[0].dtype) && in[0].dtype == in[1].dtype, "a ",
                    in[0].str(), " and b ", in[1].str(),
                    " must have the same rank, at least 2, and the same floating dtype (R1)");
  for (int i = 0; i < a.rank() - 2; ++i) {
    check<ShapeError>(a[i] == b[i], "a ", a, " and b ", b, " differ in leading axis ", i, ": ", a[i], " and ", b[i],
                      " (R2)");
  }
  const std::int64_t rows = attrs.transpose_a ? a[-1] : a[-2], a_inner = attrs.transpose_a ? a[-2] : a[-1];
  const std::int64_t columns = attrs.transpose_b ? b[-2] : b[-1], b_inner = attrs.transpose_b ? b[-1] : b[-2];
  check<ShapeError>(a_inner == b_inner, "a ", a, attrs.transpose_a ? " transposed" : "", " has inner extent ", a_inner,
                    ", but b ", b, attrs.transpose_b ? " transposed" : "", " has ", b_inner, " (R3)");
  return {{in[0].dtype, a.with(-2, rows).with(-1, columns)}};
}

void grad(GradRule& r, const MatmulAttrs& attrs) {
  const auto [ta, tb] = attrs;
  const Value a = r.in(0), b = r.in(1), dc = r.dy();
  if (r.needs(0)) {
    r.dx(0, ta ? matmul(b, dc, {.transpose_a = tb, .transpose_b = true}) : matmul(dc, b, {.transpose_b = !tb}));
  }
  if (r.needs(1)) {
    r.dx(1, tb ? matmul(dc, a, {.transpose_a = true, .transpose_b = ta}) : matmul(a, dc, {.transpose_a = !ta}));
  }
}

void reference(const MatmulAttrs& attrs, const ReferenceArgs& args) {
  const Shape &a_shape = args.in_shape(0), &c_shape = args.out_shape();
  const std::int64_t rows = c_shape[-2], columns = c_shape[-1], inner = attrs.transpose_a ? a_shape[-2] : a_shape[-1];
  std::int64_t batches = 1;
  for (int i = 0; i < c_shape.rank() - 2; ++i) batches *= c_shape[i];
  std::fill_n(args.out_data[0], c_shape.numel(), 0.0);
  for (std::int64_t n = 0; n < batches; ++n) {
    const double* a = args.in_data[0] + n * rows * inner;
    const double* b = args.in_data[1] + n * inner * columns;
    double* c = args.out_data[0] + n * rows * columns;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t k = 0; k < inner; ++k) {
        const double left = attrs.transpose_a ? a[k * rows + i] : a[i * inner + k];
        for (std::int64_t j = 0; j < columns; ++j) {
          c[i * columns + j] += left * (attrs.transpose_b ? b[j * inner + k] : b[k * columns + j]);
        }
      }
    }
  }
}

}  // namespace

std::string MatmulAttrs::str() const {
  return g2face::str("a", transpose_a ? "^T" : "", " b", transpose_b ? "^T" : "");
}

Value matmul(Value a, Value b, const MatmulAttrs& attrs) { return a.graph->add(matmul_op, {a, b}, attrs); }

const OpDef matmul_op = define_op<MatmulAttrs, infer, grad, reference>("matmul")
                            .with_cpu<MatmulAttrs, matmul_cpu>()
                            .with_cuda<MatmulAttrs, matmul_cuda>()
                            .with_cuda_others<MatmulAttrs, matmul_cuda_others>();

}  // namespace g2face
