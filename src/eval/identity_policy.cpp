#include "g2face/eval/identity_policy.hpp"

#include <algorithm>
#include <cmath>

#include "g2face/eval/metrics.hpp"

namespace g2face {

namespace {

std::span<const float> row(const Tensor& t, std::int64_t i) {
  const auto width = static_cast<std::size_t>(t.shape()[1]);
  return t.as<float>().subspan(static_cast<std::size_t>(i) * width, width);
}

}  // namespace

double largest_cosine(const Tensor& identity, const Tensor& others) {
  check<ShapeError>(identity.shape().rank() == 2 && others.shape().rank() == 2 && identity.shape()[0] == 1 &&
                        identity.shape()[1] == others.shape()[1],
                    "identities of ", identity.type().str(), " and ", others.type().str(),
                    " cannot be compared: f32[1,D] and f32[N,D] were expected");
  double largest = -1;
  const auto x = row(identity, 0);
  for (std::int64_t i = 0; i < others.shape()[0]; ++i) {
    const auto y = row(others, i);
    const bool both = cosine(x, x) > 0 && cosine(y, y) > 0;
    check<Error>(both, "an identity is zero or not finite: it is like nobody");
    largest = std::max(largest, cosine(x, y));
  }
  return largest;
}

std::uint64_t seed_of_draw(std::uint64_t seed, std::uint32_t draw) {
  if (draw == 0) return seed;
  std::uint64_t z = seed + draw * 0x9e3779b97f4a7c15ULL;  // SplitMix64 (Steele, Lea and Flood, 2014)
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return (z ^ (z >> 31)) >> 11;
}

Tensor as_saved(const Tensor& image) {
  Tensor saved({DType::f32, image.shape()});
  const auto x = image.as<float>();
  std::transform(x.begin(), x.end(), saved.mutable_as<float>().begin(),
                 [](float v) { return std::round(127.5F * (std::clamp(v, -1.0F, 1.0F) + 1)) / 127.5F - 1; });
  return saved;
}

UnlikeFace anonymize_unlike(Anonymizer& anonymizer, const Tensor& face, const AnonymizeOptions& options,
                            const std::function<std::uint64_t(std::uint32_t)>& seed_of, const IdentityPolicy& policy,
                            std::uint32_t first_draw) {
  check<Error>(policy.tries > 0, policy.tries, " tries: 1 or more were expected");
  AnonymizeOptions drawn = options;
  UnlikeFace result{.face = {}, .seed = 0, .draw = first_draw, .worst = {}};
  if (!policy.max_similarity) {
    drawn.seed = result.seed = seed_of(first_draw);
    result.face = anonymizer.anonymize(face, drawn);
    return result;
  }
  const Tensor original = anonymizer.analyze(face).identity;
  const auto likeness = [&](const Tensor& identity) {
    const double to_original = largest_cosine(identity, original);
    return policy.stop_list ? std::max(to_original, largest_cosine(identity, policy.stop_list)) : to_original;
  };
  double least = 1;
  for (int i = 0; i < policy.tries; ++i, ++result.draw) {
    drawn.seed = result.seed = seed_of(result.draw);
    const double before = likeness(anonymizer.imagine(1, result.seed));
    if (before > *policy.max_similarity) {
      least = std::min(least, before);
      continue;
    }
    result.face = anonymizer.anonymize(face, drawn);
    const double after = likeness(anonymizer.analyze(as_saved(result.face.image)).identity);
    result.worst = std::max(before, after);
    if (*result.worst <= *policy.max_similarity) return result;
    least = std::min(least, *result.worst);
  }
  throw Error(str("of ", policy.tries, " identities none was unlike enough: the least like one has a cosine of ", least,
                  " to the original or the stop-list, but ", *policy.max_similarity,
                  " at most was asked for: allow more --tries or a larger --max-similarity"));
}

}  // namespace g2face
