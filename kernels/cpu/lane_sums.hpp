#pragma once
// Sums over contiguous memory by lane: element i counts for lane i % lanes. One lane is a plain sum; 16 lanes are the
// channels of a block. Lanes are a power of two, at most 64.

#include <cstdint>

namespace g2face::cpu {

constexpr std::int64_t max_lanes = 64;

struct LaneSums {
  const float* x;
  std::int64_t n;
  std::int64_t lanes;
  const float* center;  // [lanes], for deviations; else null
  double* result;       // [lanes]
};
using LaneSumsLoop = void (*)(const LaneSums&);

/// result[l] = sum of x of lane l, in an order that depends on n and lanes alone.
LaneSumsLoop lane_sums();
/// result[l] = sum of (x - center[l])^2 of lane l.
LaneSumsLoop lane_square_deviations();

}  // namespace g2face::cpu
