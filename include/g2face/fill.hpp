#pragma once
// Numbers that are a pure function of a name, the same on every machine. The recorded results of the reference
// (tests/golden) were computed from them, so weights and inputs need not be stored.

#include <cstdint>
#include <string_view>

#include "g2face/tensor.hpp"

namespace g2face {

/// 64-bit FNV-1a of the bytes. Source: Fowler, Noll, Vo.
std::uint64_t fnv1a(std::string_view text);

/// An f32 tensor; element i is offset + scale * (2u - 1), in double and rounded once, with u in [0,1) the upper 24 bits
/// of the splitmix64 finalizer of fnv1a(name) + (i + 1) * 0x9E3779B97F4A7C15. Scale sqrt(3) gives variance 1.
Tensor fill(std::string_view name, const Shape& shape, double scale = 1, double offset = 0);

/// f32 [n,3,256,256] in -0.9..0.9: 0.6 * lo + 0.3 * hi, with lo = fill(name/lo) of [n,3,32,32], each value repeated in
/// a block of 8x8, and hi = fill(name/hi). In double, rounded once.
Tensor make_image(std::string_view name, std::int64_t n);

/// Where the recorded samples of a tensor of `numel` elements were taken: sample i is element
/// (i * 0x9E3779B1 + 0x7F4A7C15) mod 2^64 mod numel, or element i where all of them were taken (numel <= count).
std::int64_t sample_position(std::int64_t i, std::int64_t numel, std::int64_t count);

}  // namespace g2face
