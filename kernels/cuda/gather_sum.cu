// Sums over the rows of a table that lies in device memory.
//
// One thread for each result. Neighbouring threads read neighbouring rows of the table; what those list lies close
// together in a mesh, and a plane of 36,000 vertices fits the second-level cache many times over.

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

__global__ void gather_sum_kernel(const float* x, const std::int32_t* table, float* y, std::int64_t n,
                                  std::int64_t extent, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = cuda::thread_index(); i < n; i += cuda::thread_count()) {
    const float* plane = x + i / rows * extent;
    const std::int32_t* row = table + i % rows * columns;
    float total = 0.f;
    for (std::int64_t d = 0; d < columns; ++d) {
      const std::int32_t index = row[d];
      if (index >= 0 && index < extent) total += plane[index];
    }
    y[i] = total;
  }
}

}  // namespace

std::optional<Step> gather_sum_cuda(const NoAttrs&, const Signature& s) {
  const Shape &x = s.in[0].type.shape, &table = s.in[1].type.shape;
  if (s.in[0].type.dtype != DType::f32) return std::nullopt;
  Step step;
  step.kernel = "gather_sum cuda";
  step.run = [n = s.out[0].type.shape.numel(), extent = x[-1], rows = table[0], columns = table[1]](const Buffers& b,
                                                                                                    Stream& stream) {
    if (n == 0) return;
    cuda::launch(gather_sum_kernel, cuda::blocks_for(n), cuda::threads_per_block, 0, cuda::stream_of(stream),
                 b.get<float>(0), b.get<std::int32_t>(1), b.out_as<float>(), n, extent, rows, columns);
  };
  return step;
}

}  // namespace g2face
