#pragma once
// Who can be told by whom: retrieval of people among identities.

#include <cstdint>

#include "g2face/tensor.hpp"

namespace g2face {

/// Of N queries, each belonging to the gallery's row of the same number.
struct Retrieval {
  std::int64_t queries = 0;
  std::int64_t hits = 0;         // whose own row is the likest one, by the cosine
  double own_cosine = 0;         // mean cosine with the own row
  double others_cosine = 0;      // mean cosine with the other rows
  double chance_of_as_many = 1;  // that guessing hits as often or more: binomial, at 1 in N

  /// Whether the hits are what guessing gives, at a risk of 1 in 100 of saying no to guesses.
  bool is_chance() const { return chance_of_as_many > 0.01; }
};

/// queries, gallery [N,D], N at least 2. Throws ShapeError.
Retrieval retrieve(const Tensor& queries, const Tensor& gallery);

}  // namespace g2face
