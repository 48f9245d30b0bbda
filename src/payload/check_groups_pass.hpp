#pragma once
// One pass over the checks, compiled for each instruction set: G2FACE_ISA names its namespace.

#include <bit>
#include <cmath>

#include "payload/check_groups.hpp"

namespace g2face::payload::G2FACE_ISA {
namespace {

constexpr std::size_t lanes = CheckGroups::lanes;

/// log(P(a + b = 0) / P(a + b = 1)) of pairs of bits. The results may overwrite the operands.
inline void combine(const float* a, const float* b, float* out) {
  float result[lanes];
#pragma omp simd
  for (std::size_t l = 0; l < lanes; ++l) {
    const float x = std::fabs(a[l]), y = std::fabs(b[l]);
    const float of_sum = 0.6931F - 0.25F * (x + y), of_difference = 0.6931F - 0.25F * std::fabs(x - y);
    const float least = x < y ? x : y;
    const float value = least + (of_sum > 0 ? of_sum : 0.0F) - (of_difference > 0 ? of_difference : 0.0F);
    const std::uint32_t sign = (std::bit_cast<std::uint32_t>(a[l]) ^ std::bit_cast<std::uint32_t>(b[l])) & 0x80000000U;
    result[l] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value > 0 ? value : 0.0F) | sign);
  }
  for (std::size_t l = 0; l < lanes; ++l) out[l] = result[l];
}

}  // namespace

std::size_t pass(const CheckGroups& groups, Beliefs& beliefs) {
  float* const total = beliefs.total.data();
  float* const from = beliefs.rows.data();
  float* const after = from + groups.most_rows * lanes;
  const float certain = total[groups.length];
  std::uint32_t odd[lanes] = {};
  for (std::size_t t = 0; t + 1 < groups.begin.size(); ++t) {
    const std::size_t rows = groups.begin[t + 1] - groups.begin[t];
    const std::uint32_t* const bits = groups.bits.data() + groups.begin[t] * lanes;
    float* const told = beliefs.told.data() + groups.begin[t] * lanes;
    std::uint32_t parity[lanes] = {};
    for (std::size_t i = 0; i < rows; ++i) {
#pragma omp simd
      for (std::size_t l = 0; l < lanes; ++l) {
        const float believed = total[bits[i * lanes + l]];
        parity[l] ^= std::bit_cast<std::uint32_t>(believed) >> 31;
        from[i * lanes + l] = believed - told[i * lanes + l];
      }
    }
    for (std::size_t l = 0; l < lanes; ++l) odd[l] += parity[l];

    // What the rest says to bit i is what those before and those after it say.
    const std::size_t last = rows - 1;
    for (std::size_t l = 0; l < lanes; ++l) after[last * lanes + l] = from[last * lanes + l];
    for (std::size_t i = last; i-- > 1;) combine(from + i * lanes, after + (i + 1) * lanes, after + i * lanes);
    float before[lanes];
    for (std::size_t i = 0; i < rows; ++i) {
      float message[lanes];
      if (i == 0) {
        for (std::size_t l = 0; l < lanes; ++l) message[l] = after[lanes + l];
        for (std::size_t l = 0; l < lanes; ++l) before[l] = from[l];
      } else if (i < last) {
        combine(before, after + (i + 1) * lanes, message);
        combine(before, from + i * lanes, before);
      } else {
        for (std::size_t l = 0; l < lanes; ++l) message[l] = before[l];
      }
      // Two lanes may meet in a bit, so that each adds what is new.
      for (std::size_t l = 0; l < lanes; ++l) total[bits[i * lanes + l]] += message[l] - told[i * lanes + l];
      for (std::size_t l = 0; l < lanes; ++l) told[i * lanes + l] = message[l];
    }
    total[groups.length] = certain;
  }
  std::size_t sum = 0;
  for (const std::uint32_t n : odd) sum += n;
  return sum;
}

}  // namespace g2face::payload::G2FACE_ISA
