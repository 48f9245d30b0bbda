#include "payload/check_groups.hpp"

#include <algorithm>
#include <utility>

namespace g2face::payload {
namespace {

/// Of a bit that is 0 without doubt. Adding what a check says of it does not change it.
constexpr float certain = 1e30F;

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
  return false;
#endif
}

}  // namespace

CheckGroups::CheckGroups(std::span<const std::uint32_t> check_begin, std::span<const std::uint32_t> check_bits,
                         std::size_t word_length)
    : checks(check_begin.size() - 1), length(word_length) {
  const std::size_t groups = (checks + lanes - 1) / lanes;
  const auto degree = [&](std::size_t check) {
    return check < checks ? std::size_t{check_begin[check + 1]} - check_begin[check] : 0;
  };
  begin.push_back(0);
  for (std::size_t t = 0; t < groups; ++t) {
    std::size_t rows = 2;
    for (std::size_t l = 0; l < lanes; ++l) rows = std::max(rows, degree(l * groups + t));
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t l = 0; l < lanes; ++l) {
        const std::size_t check = l * groups + t;
        bits.push_back(i < degree(check) ? check_bits[check_begin[check] + i] : static_cast<std::uint32_t>(length));
      }
    }
    most_rows = std::max(most_rows, rows);
    begin.push_back(begin.back() + static_cast<std::uint32_t>(rows));
  }
}

Beliefs::Beliefs(const CheckGroups& groups, std::vector<float> llr)
    : total(std::move(llr)), told(groups.bits.size(), 0.0F), rows(2 * groups.most_rows * CheckGroups::lanes) {
  total.push_back(certain);
}

std::size_t pass(const CheckGroups& groups, Beliefs& beliefs) {
#if defined(__x86_64__)
  static const bool fast = has_avx2();
  if (fast) return avx2::pass(groups, beliefs);
#endif
  return base::pass(groups, beliefs);
}

}  // namespace g2face::payload
