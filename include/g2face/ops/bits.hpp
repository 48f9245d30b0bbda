#pragma once
// Float values as hidden bits and back, as the reference's float2bit and bit2float.

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// The 32 bits of each value as float32, most significant first: sign, 8 exponent, 23 mantissa bits, as 0 or 1.
///   x [..., n] -> y [..., n, 32]
/// Zeros are taken as 1e-8 first, as the reference does. Differs from the reference within a few units in the last
/// place below a power of two, where its float32 logarithm rounds up. R1: x is f32 of rank 1 to 7. No gradient.
Value float_to_bits(Value x);

/// The value that bits stand for: (-1)^s 2^(e-127) (1 + m), for every e: all-zero bits give 2^-127 and e = 255 gives
/// infinity; rounded to the nearest float. Bits are read as x > 0, so logits may be given: round(sigmoid(logit)) gives
/// the same.
///   x [..., n, 32] -> y [..., n]
/// `limit`: values below -limit or above limit become 0 (the reference uses 50); 0 keeps all.
/// R1: x is f32, its last extent is 32. No gradient.
struct BitsAttrs {
  double limit = 0;
  bool operator==(const BitsAttrs&) const = default;
  std::string str() const;
};
Value bits_to_float(Value x, const BitsAttrs& attrs = {});

extern const OpDef float_to_bits_op, bits_to_float_op;

}  // namespace g2face
