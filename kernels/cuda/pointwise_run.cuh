#pragma once
// Runs programs of the op pointwise on a device. The program is a parameter of the kernel, so it lies in constant
// memory and all threads take the same branches.

#include <type_traits>

#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/pointwise_program.hpp"
#include "kernels/cuda/storage.cuh"

namespace g2face::cuda {

template <class T>
struct Code {
  int size = 0;
  Operation<T> operations[max_operations];
};

template <class T>
Code<T> code_of(const PointwiseProgram& program) {
  Code<T> code;
  for (const Operation<double>& o : program.operations) {
    code.operations[code.size++] = {o.action, o.function, o.source, o.other, static_cast<T>(o.a), static_cast<T>(o.b)};
  }
  return code;
}

/// y = f(y) for n values: one branch for all of them.
template <int n, class T>
__device__ __forceinline__ void apply_all(const UnaryOp<T>& f, T (&y)[n]) {
  const auto all = [&](auto kind) {
    const UnaryOp<T> same{decltype(kind)::value, f.a, f.b};
    unrolled<n>([&](int i) { y[i] = apply(same, y[i]); });
  };
  switch (f.kind) {
#define G2FACE_CASE(KIND) \
  case Unary::KIND:       \
    return all(std::integral_constant<Unary, Unary::KIND>());
    G2FACE_CASE(affine)
    G2FACE_CASE(exp)
    G2FACE_CASE(log)
    G2FACE_CASE(sqrt)
    G2FACE_CASE(rsqrt)
    G2FACE_CASE(reciprocal)
    G2FACE_CASE(square)
    G2FACE_CASE(abs)
    G2FACE_CASE(sign)
    G2FACE_CASE(sin)
    G2FACE_CASE(cos)
    G2FACE_CASE(tanh)
    G2FACE_CASE(sigmoid)
    G2FACE_CASE(softplus)
    G2FACE_CASE(leaky_relu)
    G2FACE_CASE(leaky_step)
    G2FACE_CASE(clamp)
    G2FACE_CASE(inside)
    G2FACE_CASE(round)
#undef G2FACE_CASE
  }
}

/// y = f(a, b) for n values; y may be a or b.
template <int n, class T>
__device__ __forceinline__ void apply_all(Binary f, const T (&a)[n], const T (&b)[n], T (&y)[n]) {
  const auto all = [&](auto kind) { unrolled<n>([&](int i) { y[i] = apply(decltype(kind)::value, a[i], b[i]); }); };
  switch (f) {
#define G2FACE_CASE(KIND) \
  case Binary::KIND:      \
    return all(std::integral_constant<Binary, Binary::KIND>());
    G2FACE_CASE(add)
    G2FACE_CASE(sub)
    G2FACE_CASE(mul)
    G2FACE_CASE(div)
    G2FACE_CASE(maximum)
    G2FACE_CASE(minimum)
    G2FACE_CASE(greater)
    G2FACE_CASE(equal)
#undef G2FACE_CASE
  }
}

/// Runs the program for n values. fetch(input, values) and store(result, values) go to memory; value i of a slot is at
/// slots[slot][i] of this thread.
template <int n, class T, class Slots, class Fetch, class Store>
__device__ __forceinline__ void run(const Code<T>& code, const Slots& slots, const Fetch& fetch, const Store& store) {
  T y[n] = {}, x[n];
  const auto bring = [&](int place, T(&to)[n]) {
    if (place < first_slot) {
      fetch(place, to);
    } else if (place < accumulator) {
      slots.load(place - first_slot, to);
    } else {
      unrolled<n>([&](int i) { to[i] = y[i]; });
    }
  };
  for (int at = 0; at < code.size; ++at) {
    const Operation<T>& o = code.operations[at];
    switch (o.action) {
      case Action::load:
        bring(o.source, y);
        break;
      case Action::save:
        slots.save(o.source, y);
        break;
      case Action::store:
        store(o.source, y);
        break;
      case Action::unary:
        apply_all(UnaryOp<T>{static_cast<Unary>(o.function), o.a, o.b}, y);
        break;
      case Action::binary:
        bring(o.source, x);
        apply_all(static_cast<Binary>(o.function), y, x, y);
        break;
      case Action::binary_reversed:
        bring(o.source, x);
        apply_all(static_cast<Binary>(o.function), x, y, y);
        break;
      case Action::select: {
        T other[n];
        bring(o.source, x);
        bring(o.other, other);
        unrolled<n>([&](int i) { y[i] = y[i] != T(0) ? x[i] : other[i]; });
        break;
      }
    }
  }
}

}  // namespace g2face::cuda
