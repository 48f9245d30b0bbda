#pragma once
// What a plan's edges between steps amount to, for tests.

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace g2face::test {

/// ordered[i][j]: step j ends before step i begins, if each waits for those in `after`.
inline std::vector<std::vector<bool>> closure(const std::vector<std::vector<int>>& after) {
  std::vector<std::vector<bool>> ordered(after.size(), std::vector<bool>(after.size(), false));
  for (std::size_t i = 0; i < after.size(); ++i) {
    for (const int before : after[i]) {
      const auto j = static_cast<std::size_t>(before);
      REQUIRE(j < i);
      ordered[i][j] = true;
      for (std::size_t k = 0; k < j; ++k)
        if (ordered[j][k]) ordered[i][k] = true;
    }
  }
  return ordered;
}

}  // namespace g2face::test
