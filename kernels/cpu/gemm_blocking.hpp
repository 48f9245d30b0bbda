#pragma once
// Blocking of our own matrix products, shared by the steps that pack weights and by the kernels.

#include <cstddef>

namespace g2face::cpu {

inline constexpr std::size_t kLane = 16;    // channels per vector
inline constexpr std::size_t kPanel = 32;   // output channels per weight panel (16 at the end if there are odd * 16)
inline constexpr std::size_t kDepth = 128;  // channels summed in registers; short sums also bound the rounding error

/// Strides are odd numbers of cache lines, so that arrays that are read together fall into different cache sets.
constexpr std::size_t odd_lines(std::size_t floats) { return ((floats + kLane - 1) / kLane | 1) * kLane; }

}  // namespace g2face::cpu
