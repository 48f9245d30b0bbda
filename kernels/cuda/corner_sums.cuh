#pragma once
// Gradients of vertices without atomics: a warp sums what the pixels of a triangle give to its corners, lane by lane in
// a fixed order; then each vertex sums its corners in ascending order.

#include <cstdint>

#include "kernels/block.cuh"
#include "kernels/launch.cuh"
#include "kernels/raster.hpp"

namespace g2face::cuda {

/// The warp of this thread in a one-dimensional launch, and their number.
inline __device__ std::int64_t warp_index() { return thread_index() / warp_size; }
inline __device__ std::int64_t warp_count() { return thread_count() / warp_size; }

/// Calls f(pixel of the sample, column, row) for those of a box that fall to this lane, in ascending order.
template <class F>
__device__ void for_each_pixel_of_lane(const raster::Box& box, std::int64_t width, const F& f) {
  if (box.empty()) return;
  const std::int64_t columns = box.right - box.left, count = columns * (box.bottom - box.top);
  for (std::int64_t i = threadIdx.x % warp_size; i < count; i += warp_size) {
    const std::int64_t column = box.left + i % columns, row = box.top + i / columns;
    f(row * width + column, column, row);
  }
}

/// y[n,v,c] = sum over the corners of v of partial[n,corner,c]. Entries of `corners` that point nowhere are left out.
template <class T>
__global__ void corner_sums_kernel(const T* partial, const std::int32_t* corners, T* y, std::int64_t samples,
                                   std::int64_t vertices, std::int64_t triangles, std::int64_t channels) {
  const std::int64_t size = vertices * channels, all = 3 * triangles;
  for (std::int64_t i = thread_index(); i < samples * size; i += thread_count()) {
    const std::int64_t n = i / size, v = i % size / channels, c = i % channels;
    std::int64_t first = corners[v], last = corners[v + 1];
    if (first < 0) first = 0;
    if (last > all) last = all;
    T sum = 0;
    for (std::int64_t k = first; k < last; ++k) {
      const std::int64_t corner = corners[vertices + 1 + k];
      if (corner >= 0 && corner < all) sum += partial[(n * all + corner) * channels + c];
    }
    y[i] = sum;
  }
}

inline void launch_corner_sums(cudaStream_t stream, const float* partial, const std::int32_t* corners, float* y,
                               std::int64_t samples, std::int64_t vertices, std::int64_t triangles,
                               std::int64_t channels) {
  if (samples * vertices * channels == 0) return;
  launch(corner_sums_kernel<float>, blocks_for(samples * vertices * channels), threads_per_block, 0, stream, partial,
         corners, y, samples, vertices, triangles, channels);
}

}  // namespace g2face::cuda
