#pragma once
// The inner loop of decoding: one pass over the checks of a code, several checks at a time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace g2face::payload {

/// Checks side by side: lane l of group t is check l * groups + t, so that the lanes walk along the chain of parity
/// bits in as many pieces, and rarely meet in one bit. Row i of a group holds its checks' i-th bits.
struct CheckGroups {
  static constexpr std::size_t lanes = 8;

  /// begin: of each check's bits in `bits`, and the end of the last; `length`: of the code word without repetition.
  CheckGroups(std::span<const std::uint32_t> begin, std::span<const std::uint32_t> bits, std::size_t length);

  std::size_t checks, length, most_rows = 0;
  std::vector<std::uint32_t> begin;  // of each group's rows, and the end of the last
  std::vector<std::uint32_t> bits;   // [rows][lanes]; `length` where a check has no bit
};

/// What is believed of each bit, log(P(0) / P(1)), and what each check has told it.
struct Beliefs {
  Beliefs(const CheckGroups& groups, std::vector<float> llr);

  std::vector<float> total;  // [length], and a bit that is certainly 0
  std::vector<float> told;   // [rows][lanes]
  std::vector<float> rows;   // working memory
};

/// Each check hears of its bits what the others say of them, and tells each what the rest of them say together:
/// sum-product, with the logarithm of 1 + e^-x as a line. Returns how many checks found an odd sum of decisions when
/// they were visited. The same numbers on every instruction set.
std::size_t pass(const CheckGroups& groups, Beliefs& beliefs);

namespace base {
std::size_t pass(const CheckGroups& groups, Beliefs& beliefs);
}
namespace avx2 {
std::size_t pass(const CheckGroups& groups, Beliefs& beliefs);
}

}  // namespace g2face::payload
