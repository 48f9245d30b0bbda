#include "g2face/train/sampler.hpp"

#include <numeric>
#include <utility>

#include "g2face/error.hpp"
#include "g2face/ops/random.hpp"

namespace g2face {
namespace {

// Block k of a purpose in an epoch. Changing the names would change what a stopped training goes on with.
std::array<std::uint32_t, 4> draw(std::string_view purpose, std::uint64_t seed, std::int64_t epoch, std::int64_t k) {
  const auto stream = random_stream(purpose) ^ static_cast<std::uint64_t>(epoch);
  return philox4x32({static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(k >> 32),
                     static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                    seed);
}

}  // namespace

std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
  check(count >= 0 && epoch >= 0, "sampler: epoch ", epoch, " of ", count, " images; neither can be below 0");
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = count - 1; i > 0; --i) {
    const auto r = draw("order of images", seed, epoch, i / 2);
    const std::size_t half = i % 2 == 0 ? 0 : 2;
    const std::uint64_t number = std::uint64_t{r[half]} << 32 | r[half + 1];
    // The remainder of 64 bits favours nothing that could be noticed.
    std::swap(order[static_cast<std::size_t>(i)], order[number % static_cast<std::uint64_t>(i + 1)]);
  }
  return order;
}

Sampler::Sampler(std::int64_t count, std::uint64_t seed, bool flip) : count_(count), seed_(seed), flip_(flip) {
  check(count > 0, "sampler: ", count, " images, expected one at least");
}

Sampler::Pick Sampler::at(std::int64_t position) {
  check(position >= 0, "sampler: position ", position, " is before the first, which is 0");
  const std::int64_t epoch = position / count_;
  if (epoch != epoch_) {
    order_ = shuffled(count_, seed_, epoch);
    epoch_ = epoch;
  }
  const std::int64_t index = order_[static_cast<std::size_t>(position % count_)];
  const auto bits = draw("mirrored images", seed_, epoch, index / 4)[static_cast<std::size_t>(index % 4)];
  return {index, flip_ && bits >> 31 != 0};
}

}  // namespace g2face
