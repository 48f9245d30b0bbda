// Plans make pointwise nodes of f32: what comes here are the other dtypes.

#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/elementwise_step.cuh"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

template <class T>
struct Function {
  Binary kind;
  __device__ T operator()(const T* x) const { return cuda::apply(kind, x[0], x[1]); }
};

}  // namespace

std::optional<Step> binary_cuda(const BinaryAttrs& a, const Signature& s) {
  return cuda::with_float(s.out[0].type.dtype, [&]<class T>(T) {
    return cuda::elementwise_step<T, 2>("binary", s, Function<cuda::Sum<T>>{a.kind});
  });
}

}  // namespace g2face
