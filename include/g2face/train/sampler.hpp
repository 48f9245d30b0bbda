#pragma once
// In which order a training looks at its images: for ever, shuffled anew in each epoch, and a function of numbers
// alone.

#include <cstdint>
#include <vector>

namespace g2face {

/// The order of `count` images in an epoch (from 0 on): a permutation of 0..count-1, a function of the arguments alone;
/// each permutation is as likely as any other (Fisher and Yates) by numbers of Philox.
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::int64_t epoch);

/// Positions count the images that a training has looked at: position p is in epoch p / count. Nothing else has to be
/// kept for going on where a training stopped.
class Sampler {
 public:
  /// With `flip`, half of the picks are mirrored, drawn anew in each epoch. Throws Error unless count > 0.
  Sampler(std::int64_t count, std::uint64_t seed, bool flip);

  struct Pick {
    std::int64_t index = 0;  // 0..count-1
    bool mirrored = false;
    bool operator==(const Pick&) const = default;
  };
  /// A function of the constructor's arguments and the position. Keeps the order of the last epoch asked for, so that
  /// going on costs nothing. Throws Error for a position below 0.
  Pick at(std::int64_t position);

 private:
  std::int64_t count_;
  std::uint64_t seed_;
  bool flip_;
  std::int64_t epoch_ = -1;  // of order_
  std::vector<std::int64_t> order_;
};

}  // namespace g2face
