#include "g2face/ops/cast.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const CastAttrs& attrs, std::span<const Type> in) { return {{attrs.dtype, in[0].shape}}; }

void grad(GradRule& r, const CastAttrs& attrs) {
  if (is_float(r.in(0).dtype()) && is_float(attrs.dtype)) r.dx(0, cast(r.dy(), r.in(0).dtype()));
}

void reference(const CastAttrs& attrs, const ReferenceArgs& args) {
  const std::span<const double> x = args.in(0);
  const std::span<double> y = args.out();
  // Doubles stand for f32 too, so only the other dtypes change a value.
  if (attrs.dtype == DType::f32 || attrs.dtype == DType::f64) {
    std::copy(x.begin(), x.end(), y.begin());
    return;
  }
  Tensor rounded({attrs.dtype, args.out_shape()});
  convert(x.data(), DType::f64, rounded.mutable_data(), attrs.dtype, rounded.numel());
  convert(rounded.data(), attrs.dtype, y.data(), DType::f64, rounded.numel());
}

}  // namespace

std::string CastAttrs::str() const { return std::string(name_of(dtype)); }

Value cast(Value x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return x.graph->add(cast_op, {x}, CastAttrs{dtype});
}

const OpDef cast_op = define_op<CastAttrs, infer, grad, reference>("cast")
                          .with_cpu<CastAttrs, cast_cpu>()
                          .with_cpu_layouts<CastAttrs, cast_cpu_layouts>()
                          .with_cuda<CastAttrs, cast_cuda>()
                          .with_cuda_layouts<CastAttrs, cast_cuda_layouts>();

}  // namespace g2face
