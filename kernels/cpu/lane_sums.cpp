#include "kernels/cpu/lane_sums.hpp"

#include "kernels/cpu/simd.hpp"

namespace g2face::cpu {
namespace {

/// 64 running sums hide the latency of adding; lanes that mean the same are added up in double at
/// the end, always in one order.
template <bool squares>
struct Loop {
  G2FACE_INLINE static float term(float x, float center) {
    if constexpr (!squares) return x;
    const float d = x - center;
    return d * d;
  }
  G2FACE_INLINE void operator()(const LaneSums& s) const {
    float sums[max_lanes] = {}, center[max_lanes] = {};
    if constexpr (squares) {
      for (std::int64_t l = 0; l < max_lanes; ++l) center[l] = s.center[l & (s.lanes - 1)];
    }
    const float* x = s.x;
    std::int64_t i = 0;
    for (; i + max_lanes <= s.n; i += max_lanes) {
#pragma omp simd
      for (std::int64_t l = 0; l < max_lanes; ++l) sums[l] += term(x[i + l], center[l]);
    }
    for (std::int64_t l = 0; i < s.n; ++i, ++l) sums[l] += term(x[i], center[l]);
    for (std::int64_t l = 0; l < s.lanes; ++l) s.result[l] = 0;
    for (std::int64_t l = 0; l < max_lanes; ++l) s.result[l & (s.lanes - 1)] += static_cast<double>(sums[l]);
  }
};

}  // namespace

LaneSumsLoop lane_sums() { return pick<Loop<false>>(); }
LaneSumsLoop lane_square_deviations() { return pick<Loop<true>>(); }

}  // namespace g2face::cpu
