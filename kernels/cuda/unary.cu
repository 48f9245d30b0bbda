// Plans make pointwise nodes of f32: what comes here are the other dtypes.

#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/elementwise_step.cuh"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

template <class T>
struct Function {
  cuda::UnaryOp<T> op;
  __device__ T operator()(const T* x) const { return cuda::apply(op, x[0]); }
};

}  // namespace

std::optional<Step> unary_cuda(const UnaryAttrs& a, const Signature& s) {
  return cuda::with_float(s.out[0].type.dtype, [&]<class T>(T) {
    return cuda::elementwise_step<T, 1>("unary", s, Function<cuda::Sum<T>>{cuda::unary_op_of<cuda::Sum<T>>(a)});
  });
}

}  // namespace g2face
