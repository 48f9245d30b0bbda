#pragma once
// An identity vector in few bits.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace g2face::payload {

constexpr int least_bits = 3, most_bits = 8;  // of a level

/// A vector x of d values in levels that lie closer together near zero, where most values are:
///   rms = |x| / sqrt d,  y_i = x_i / rms,  P = the largest |y_i|, rounded up to a multiple of 1/256
///   c(y) = log(1 + |y|/1.5) / log(1 + P/1.5),  level_i = sign(y_i) round(c(y_i) L),  L = 2^(bits-1) - 1
/// Zero is a level of its own, so that sparse vectors survive. Decoding inverts c and scales to |x| exactly.
/// Cosine of decoded to original by bits (512 normal values): docs/payload.md; 6 are the least with 0.9995.
struct Quantised {
  float norm = 0;           // |x|
  std::uint16_t peak = 0;   // 256 P; 0 if and only if x is 0
  std::uint8_t bits = 0;    // of each level
  std::vector<int> levels;  // -L..L
};

/// Of 1 to 65535 finite values. Throws Error for others, and for other numbers of bits.
Quantised quantise(std::span<const float> x, int bits);
std::vector<float> dequantise(const Quantised& q);

/// level + L in `bits` bits each, the high bit first; the last byte is filled up with zeros.
std::vector<std::uint8_t> pack_levels(const Quantised& q);
/// The inverse: `q` gives bits and, by its size, the number of levels. False if a level is none or the filling is not
/// zero.
bool unpack_levels(std::span<const std::uint8_t> bytes, Quantised& q);
inline std::size_t packed_bytes(std::size_t dimension, int bits) {
  return (dimension * static_cast<std::size_t>(bits) + 7) / 8;
}

}  // namespace g2face::payload
