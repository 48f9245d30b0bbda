#pragma once
// What the kernels that have programs of pointwise_programs.hpp compiled into them share.

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "g2face/ops/pointwise.hpp"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/pointwise_programs.hpp"

namespace g2face::cuda {

template <class P>
inline constexpr int input_count = static_cast<int>(std::size(P::in));
template <class P>
inline constexpr int result_count = static_cast<int>(std::size(P::results));
template <class P>
inline constexpr int step_count = static_cast<int>(std::size(P::steps));

/// f<0>(), ... f<n - 1>(): indices that are constants.
template <class F, int... i>
__device__ __forceinline__ void call_each(std::integer_sequence<int, i...>, const F& f) {
  (f.template operator()<i>(), ...);
}
template <int n, class F>
__device__ __forceinline__ void for_each_constant(const F& f) {
  call_each(std::make_integer_sequence<int, n>(), f);
}

/// The instructions of a program on one element: r holds the inputs, then what each instruction gives. a, b: constants
/// of unary functions.
template <class P, class T>
__device__ __forceinline__ void execute(const float* a, const float* b, float* r) {
  for_each_constant<step_count<P>>([&]<int i>() {
    constexpr ProgramStep step = P::steps[i];
    float& result = r[input_count<P> + i];
    if constexpr (step.is_unary && step.unary == Unary::sigmoid && sizeof(T) < sizeof(float)) {
      result = approximate_sigmoid(r[step.x]);
    } else if constexpr (step.is_unary) {
      result = apply(UnaryOp<float>{step.unary, a[i], b[i]}, r[step.x]);
    } else {
      result = apply(step.binary, r[step.x], r[step.y]);
    }
  });
}

/// Whether a program is P, but for its constants.
template <class P>
bool has_structure(const PointwiseAttrs& a) {
  if (a.program.size() != std::size(P::steps)) return false;
  if (!std::equal(a.results.begin(), a.results.end(), std::begin(P::results), std::end(P::results))) return false;
  return std::equal(a.program.begin(), a.program.end(), std::begin(P::steps),
                    [](const PointwiseInstruction& i, const ProgramStep& step) {
                      if (step.is_unary) {
                        return i.kind == PointwiseInstruction::Kind::unary && i.unary.kind == step.unary &&
                               i.source[0] == step.x;
                      }
                      return i.kind == PointwiseInstruction::Kind::binary && i.binary == step.binary &&
                             i.source[0] == step.x && i.source[1] == step.y;
                    });
}

}  // namespace g2face::cuda
