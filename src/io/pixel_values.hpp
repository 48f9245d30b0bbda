#pragma once
// 8-bit grey levels and the -1..1 of images in memory.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace g2face::io {

inline float from_level(std::uint8_t level) { return static_cast<float>(level / 127.5 - 1.0); }

/// The nearest level; 0 for NaN.
inline std::uint8_t to_level(float value) {
  return value > -1.0f ? static_cast<std::uint8_t>(std::lround(127.5 * (std::min(value, 1.0f) + 1.0)))
                       : std::uint8_t{0};
}

}  // namespace g2face::io
