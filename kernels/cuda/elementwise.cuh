#pragma once
// The elementwise functions on a device, in f32 and f64, as src/ops/unary.cpp and binary.cpp define them. f32 stays
// f32, with the accurate functions of the math library: a few ulp.

#include <cuda_runtime.h>

#include <cmath>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face::cuda {

/// A unary function with its constants in the type that it is computed in.
template <class T>
struct UnaryOp {
  Unary kind = Unary::affine;
  T a = 1, b = 0;
};

template <class T>
UnaryOp<T> unary_op_of(const UnaryAttrs& f) {
  return {f.kind, static_cast<T>(f.a), static_cast<T>(f.b)};
}

/// f(x). All threads of a warp usually apply the same function, so that the switch costs one branch.
template <class T>
__device__ T apply(const UnaryOp<T>& f, T x) {
  switch (f.kind) {
    case Unary::affine:
      return f.a * x + f.b;
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::rsqrt:
      return T(1) / std::sqrt(x);
    case Unary::reciprocal:
      return T(1) / x;
    case Unary::square:
      return x * x;
    case Unary::abs:
      return std::fabs(x);
    case Unary::sign:
      return x > T(0) ? T(1) : x < T(0) ? T(-1) : T(0);
    case Unary::sin:
      return std::sin(x);
    case Unary::cos:
      return std::cos(x);
    case Unary::tanh:
      return std::tanh(x);
    case Unary::sigmoid:
      return T(1) / (T(1) + std::exp(-x));
    case Unary::softplus:
      return x > T(20) ? x : std::log1p(std::exp(x));
    case Unary::leaky_relu:
      return x > T(0) ? x : f.a * x;
    case Unary::leaky_step:
      return x > T(0) ? T(1) : f.a;
    case Unary::clamp:
      return x < f.a ? f.a : x > f.b ? f.b : x;
    case Unary::inside:
      return f.a <= x && x <= f.b ? T(1) : T(0);
    case Unary::round:
      return std::rint(x);
  }
  return x;
}

/// f(x, y).
template <class T>
__device__ T apply(Binary f, T x, T y) {
  switch (f) {
    case Binary::add:
      return x + y;
    case Binary::sub:
      return x - y;
    case Binary::mul:
      return x * y;
    case Binary::div:
      return x / y;
    case Binary::maximum:
      return y > x ? y : x;
    case Binary::minimum:
      return x > y ? y : x;
    case Binary::greater:
      return x > y ? T(1) : T(0);
    case Binary::equal:
      return x == y ? T(1) : T(0);
  }
  return x;
}

/// The sigmoid to within a few ulp of f32 where it is not tiny: for results that are rounded to 16 bits.
inline __device__ float approximate_sigmoid(float x) { return __fdividef(1.f, 1.f + __expf(-x)); }

}  // namespace g2face::cuda
