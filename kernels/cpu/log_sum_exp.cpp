// Rows on threads; each is read twice, the second time from a cache. Sixteen sums side by side, whatever the vectors.

#include <cmath>
#include <limits>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace g2face {
namespace {

constexpr std::int64_t lanes = 16;
constexpr std::int64_t grain = 1 << 14;  // elements that pay for waking the other threads

struct Row {
  /// The largest of n values, and the sum of exp(value - largest).
  G2FACE_INLINE void operator()(const float* x, std::int64_t n, float* largest, double* sum) const {
    float most[lanes], sums[lanes] = {};
    for (float& m : most) m = -std::numeric_limits<float>::infinity();
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
#pragma omp simd
      for (std::int64_t l = 0; l < lanes; ++l) most[l] = x[i + l] > most[l] ? x[i + l] : most[l];
    }
    for (std::int64_t l = 0; i < n; ++i, ++l) most[l] = x[i] > most[l] ? x[i] : most[l];
    float all = most[0];
    for (const float m : most) all = m > all ? m : all;
    for (i = 0; i + lanes <= n; i += lanes) {
#pragma omp simd
      for (std::int64_t l = 0; l < lanes; ++l) sums[l] += cpu::exp_of(x[i + l] - all);
    }
    for (std::int64_t l = 0; i < n; ++i, ++l) sums[l] += cpu::exp_of(x[i] - all);
    *largest = all;
    *sum = 0;
    for (const float s : sums) *sum += static_cast<double>(s);
  }
};

}  // namespace

MaybeStep log_sum_exp_cpu(const NoAttrs&, const Signature& s) {
  if (!cpu::all_f32(s) || cpu::common_block({s.in, s.out}) != 1) return std::nullopt;
  Step step;
  step.kernel = str("log_sum_exp ", cpu::name_of(cpu::best_isa()));
  step.run = [row = cpu::pick<Row>(), rows = s.out[0].type.shape.numel(), n = s.in[0].type.shape[-1],
              threads = s.threads](const Buffers& b, Stream&) {
    cpu::parallel_for(rows * n < grain ? 1 : threads, rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        float largest = 0;
        double sum = 0;
        row(b.get<float>(0) + r * n, n, &largest, &sum);
        b.out_as<float>()[r] =
            std::isinf(largest) ? largest : static_cast<float>(static_cast<double>(largest) + std::log(sum));
      }
    });
  };
  return step;
}

}  // namespace g2face
