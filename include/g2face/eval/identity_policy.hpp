#pragma once
// How unlike the original, and others, a new face has to be.

#include <cstdint>
#include <functional>
#include <optional>

#include "g2face/anonymizer.hpp"

namespace g2face {

struct IdentityPolicy {
  /// The largest cosine to the original and to each of the stop-list that is taken, first of the identity that is
  /// drawn and then of the face that was made with it. None: the first draw is taken.
  std::optional<double> max_similarity;
  /// Identities [N,identity_dim] that nobody shall be given, by the model's own recogniser. May be empty.
  Tensor stop_list = {};
  /// How many are drawn before giving up, 1 or more.
  int tries = 20;
};

/// A new face, and what it took.
struct UnlikeFace {
  Anonymized face;
  std::uint64_t seed = 0;
  std::uint32_t draw = 0;       // the first is 0
  std::optional<double> worst;  // the largest cosine of those that the policy limits; none if it limits nothing
};

/// The largest cosine of one identity [1,D] with others [N,D].
double largest_cosine(const Tensor& identity, const Tensor& others);

/// Another seed for each draw, the seed itself for draw 0; all below 2^53.
std::uint64_t seed_of_draw(std::uint64_t seed, std::uint32_t draw);

/// Anonymizes one face [1,3,R,R] with the seeds of `seed_of(draw)`, one after the other, until the policy is content.
/// `options.seed` does not matter. The face is judged as a file will hold it: rounded to 8 bits. Throws Error, saying
/// how near the least like one came, if none is unlike enough.
UnlikeFace anonymize_unlike(Anonymizer& anonymizer, const Tensor& face, const AnonymizeOptions& options,
                            const std::function<std::uint64_t(std::uint32_t)>& seed_of, const IdentityPolicy& policy,
                            std::uint32_t first_draw = 0);

/// The image [N,3,R,R] as PNG keeps it: clipped to -1..1, rounded to 8 bits.
Tensor as_saved(const Tensor& image);

}  // namespace g2face
