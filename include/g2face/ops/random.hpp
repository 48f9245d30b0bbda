#pragma once
// Counter-based random numbers: a function of seed, stream and index alone, the same on every device.

#include <array>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// One block of Philox4x32-10 (Salmon et al. 2011): four 32-bit numbers from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::uint64_t key);
/// A stream number from a name (64-bit FNV-1a).
std::uint64_t random_stream(std::string_view name);

struct RandomAttrs {
  Shape shape;
  std::uint64_t stream = 0;  // tells apart the random values of one graph; see random_stream
  bool operator==(const RandomAttrs&) const = default;
  std::string str() const;
};

/// Standard normal numbers.
/// Elements 4k..4k+3 come from counter {low k, high k, low stream, high stream} and key seed: uniforms u = (r + 0.5) *
/// 2^-32 in pairs through Box-Muller: sqrt(-2 ln u0) * (cos, sin)(2 pi u1), then the same of u2, u3.
/// R1: seed is i64 of shape [1], 0 <= seed < 2^53.  Result f32. Gradient: none (zero).
/// The integers are the same on every device; the normals to within a few units in the last place.
Value random_normal(Value seed, const RandomAttrs& attrs);

extern const OpDef random_op;

}  // namespace g2face
