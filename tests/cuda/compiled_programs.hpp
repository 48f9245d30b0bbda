#pragma once
// The programs of kernels/cuda/pointwise_programs.hpp as attributes of ops, and shapes of their inputs.

#include <iterator>
#include <vector>

#include "g2face/ops/pointwise.hpp"
#include "kernels/cuda/pointwise_programs.hpp"
#include "pointwise_instructions.hpp"

namespace g2face::test {

/// With constants of no meaning.
template <class P>
PointwiseAttrs attrs_of(const Shape& shape) {
  PointwiseAttrs attrs{shape, {}, {std::begin(P::results), std::end(P::results)}};
  double constant = 0.2;
  for (const cuda::ProgramStep& step : P::steps) {
    attrs.program.push_back(step.is_unary ? apply(step.unary, step.x, constant, constant - 0.5)
                                          : apply(step.binary, step.x, step.y));
    if (step.is_unary) constant += 0.75;
  }
  return attrs;
}

/// What the table says of an input, as a shape: `shared` by all samples or not.
inline Shape shape_of(cuda::Role role, const Shape& x, bool shared) {
  switch (role) {
    case cuda::Role::channel:
      return shared ? Shape{x[1], 1, 1} : Shape{x[0], x[1], 1, 1};
    case cuda::Role::pixel:
      return {shared ? 1 : x[0], 1, x[2], x[3]};
    default:
      return x;
  }
}

template <class P>
std::vector<Shape> shapes_of(const Shape& x, bool shared) {
  std::vector<Shape> shapes;
  for (const cuda::Role role : P::in) shapes.push_back(shape_of(role, x, shared));
  return shapes;
}

}  // namespace g2face::test
