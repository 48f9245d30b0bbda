#pragma once

#include <cmath>
#include <vector>

#include "g2face/error.hpp"

namespace g2face {

/// Adds what an option says of the standard deviations of some modes, one number for each or none for 1. Throws
/// ShapeError for another number of them, Error for one that is not positive, naming the option.
inline void append_sigma(std::vector<double>& sigma, const std::vector<double>& given, std::int64_t modes,
                         const char* name) {
  check<ShapeError>(given.empty() || given.size() == static_cast<std::size_t>(modes), "fit: ", name, " has ",
                    given.size(), " numbers for ", modes, " modes");
  for (std::int64_t k = 0; k < modes; ++k) {
    sigma.push_back(given.empty() ? 1 : given[static_cast<std::size_t>(k)]);
    check(sigma.back() > 0 && std::isfinite(sigma.back()), "fit: ", name, " ", sigma.back(), " must be positive");
  }
}

}  // namespace g2face
