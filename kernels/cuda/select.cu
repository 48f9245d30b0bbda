// Plans make pointwise nodes of f32: what comes here are the other dtypes.

#include "kernels/cuda/elementwise_step.cuh"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

template <class T>
struct Choice {
  __device__ T operator()(const T* x) const { return x[0] != T(0) ? x[1] : x[2]; }
};

}  // namespace

std::optional<Step> select_cuda(const NoAttrs&, const Signature& s) {
  return cuda::with_float(s.out[0].type.dtype, [&]<class T>(T) {
    return cuda::elementwise_step<T, 3>("select", s, Choice<cuda::Sum<T>>{});
  });
}

}  // namespace g2face
