#pragma once
// Counter-based random numbers: a function of seed, stream and index alone, the same on every device.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// One block of Philox4x32-10 (Salmon et al. 2011): four 32-bit numbers from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::uint64_t key);
/// A stream number from a name (64-bit FNV-1a).
std::uint64_t random_stream(std::string_view name);
/// Block k of a stream, counter {low k, high k, low stream, high stream} and key seed, as uniform numbers
/// (r + 0.5) * 2^-32, which lie strictly between 0 and 1.
std::array<double, 4> random_uniform_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t k);
/// The same block as standard normal numbers (Box and Muller 1958): with uniforms u,
/// sqrt(-2 ln u0) * (cos, sin)(2 pi u1), then the same of u2, u3.
std::array<double, 4> random_normal_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t k);

struct RandomAttrs {
  Shape shape;
  std::uint64_t stream = 0;  // tells apart the random values of one graph; see random_stream
  bool operator==(const RandomAttrs&) const = default;
  std::string str() const;
};

/// Standard normal numbers.
///   seed [1] -> y of attrs.shape; elements 4k..4k+3 are random_normal_block(seed, attrs.stream, k)
///   seeds [N] -> y [N,...]; what seeds[n] alone makes of the rest of the shape is y[n]. So what a sample gets does not
///   depend on the batch it is in.
/// R1: seeds are i64 of shape [1] or [N], N being extent 0 of attrs.shape.  Result f32. No gradient. A run throws Error
/// unless 0 <= seed < 2^53; on CUDA, where a kernel cannot, the numbers of that seed are NaN then. The integers are the
/// same on every device; the normals to within a few units in the last place.
Value random_normal(Value seed, const RandomAttrs& attrs);

extern const OpDef random_op;

}  // namespace g2face
