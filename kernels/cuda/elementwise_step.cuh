#pragma once
// Elementwise ops on broadcast operands, in row-major order: a thread computes one element.

#include <string_view>
#include <vector>

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/index_space.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face::cuda {

template <class T, int count>
struct Pointers {
  const T* at[count];
};

/// f gets one element of each operand, in the type that they are computed in.
template <class T, int count, class F>
__global__ void elementwise_kernel(Pointers<T, count> x, T* y, Walk<count + 1> walk, F f) {
  for (std::int64_t i = thread_index(); i < walk.size(); i += thread_count()) {
    std::int64_t at[count + 1];
    walk.locate(static_cast<std::uint32_t>(i), at);
    Sum<T> values[count];
    for (int k = 0; k < count; ++k) values[k] = convert_to<Sum<T>>(x.at[k][at[k + 1]]);
    y[at[0]] = convert_to<T>(f(values));
  }
}

/// A step for elements of type T in which f, a functor with an operator()(const Sum<T>*), makes each element.
template <class T, int count, class F>
Step elementwise_step(std::string_view op, const Signature& s, F f) {
  IndexSpace space = broadcast_space(s.out[0], s.in);
  space.coalesce();
  std::vector<Walk<count + 1>> pieces;
  if (space.size() > 0) {
    for (const IndexSpace& piece : space.pieces(Walk<count + 1>::max_size)) pieces.emplace_back(piece);
  }
  Step step;
  step.kernel = str(op, " elements");
  step.run = [pieces, f](const Buffers& b, Stream& stream) {
    Pointers<T, count> x;
    for (int k = 0; k < count; ++k) x.at[k] = b.get<T>(k);
    for (const Walk<count + 1>& walk : pieces) {
      launch(elementwise_kernel<T, count, F>, blocks_for(walk.size()), threads_per_block, 0, stream_of(stream), x,
             b.out_as<T>(), walk, f);
    }
  };
  return step;
}

}  // namespace g2face::cuda
