#include "g2face/payload/ldpc.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "g2face/error.hpp"
#include "payload/check_groups.hpp"
#include "payload/numbers.hpp"

namespace g2face::payload {
namespace {

/// How many data bits of `data` take part in how many checks; all others in `fewest`: an even number, so that a
/// single data bit never turns the parity bits to the end of the chain.
constexpr std::size_t fewest = 4;
struct Degrees {
  std::size_t many, degree;
};
Degrees degrees_for(std::size_t data, std::size_t checks) {
  if (2 * checks >= 3 * data) return {data / 4, 12};
  if (checks >= data) return {data / 3, 8};
  return {data / 4, 8};
}

/// Deals checks to data bits. A check that a data bit should not have is put back and another one drawn, for a while.
class Dealer {
 public:
  Dealer(std::size_t data, std::size_t checks) : of_bit_(data), of_check_(checks), marked_(data, data) {
    while ((apart_ + 1) * (apart_ + 1) <= checks / 4) ++apart_;
    const Degrees d = degrees_for(data, checks);
    const std::size_t edges = fewest * data + (d.degree - fewest) * d.many;
    sockets_.reserve(edges);
    for (std::size_t e = 0; e < edges; ++e) sockets_.push_back(static_cast<std::uint32_t>(e % checks));
    for (std::size_t bit = 0; bit < data; ++bit) {
      for (std::size_t i = 0; i < (bit < d.many ? d.degree : fewest); ++i) deal(bit);
    }
  }

  const std::vector<std::vector<std::uint32_t>>& of_check() const { return of_check_; }

 private:
  void deal(std::size_t bit) {
    std::size_t drawn = 0;
    bool is_good = false;
    for (int attempt = 0; attempt < 400 && !is_good; ++attempt) {
      drawn = numbers_.below(sockets_.size());
      const std::uint32_t check = sockets_[drawn];
      is_good = attempt < 200 ? lies_apart(bit, check) && meets_nobody_twice(bit, check) : is_new(bit, check);
    }
    const std::uint32_t check = sockets_[drawn];
    sockets_[drawn] = sockets_.back();
    sockets_.pop_back();
    if (!is_good) return;  // twice in one check is not at all
    for (const std::uint32_t other : of_check_[check]) marked_[other] = bit;
    of_bit_[bit].push_back(check);
    of_check_[check].push_back(static_cast<std::uint32_t>(bit));
  }

  bool is_new(std::size_t bit, std::uint32_t check) const {
    return std::find(of_bit_[bit].begin(), of_bit_[bit].end(), check) == of_bit_[bit].end();
  }
  bool lies_apart(std::size_t bit, std::uint32_t check) const {
    return std::all_of(of_bit_[bit].begin(), of_bit_[bit].end(),
                       [&](std::uint32_t mine) { return std::max(mine, check) - std::min(mine, check) > apart_; });
  }
  bool meets_nobody_twice(std::size_t bit, std::uint32_t check) const {
    return std::none_of(of_check_[check].begin(), of_check_[check].end(),
                        [&](std::uint32_t other) { return marked_[other] == bit; });
  }

  FixedNumbers numbers_;
  std::size_t apart_ = 1;
  std::vector<std::uint32_t> sockets_;
  std::vector<std::vector<std::uint32_t>> of_bit_, of_check_;
  std::vector<std::size_t> marked_;  // the last data bit that this one shares a check with
};

}  // namespace

Ldpc::Ldpc(std::size_t data, std::size_t channel) : data_(data), channel_(channel), checks_(0) {
  check<Error>(data > 0 && channel > data && channel < (std::size_t{1} << 24), "a code of ", data, " data bits in ",
               channel, ": more channel than data bits were expected");
  checks_ = std::min(channel, 5 * data) - data;
  const Dealer dealer(data_, checks_);
  begin_.push_back(0);
  for (std::size_t j = 0; j < checks_; ++j) {
    const std::vector<std::uint32_t>& bits = dealer.of_check()[j];
    bits_.insert(bits_.end(), bits.begin(), bits.end());
    if (j > 0) bits_.push_back(static_cast<std::uint32_t>(data + j - 1));
    bits_.push_back(static_cast<std::uint32_t>(data + j));
    begin_.push_back(static_cast<std::uint32_t>(bits_.size()));
  }
  groups_ = std::make_shared<const CheckGroups>(begin_, bits_, data_ + checks_);
}

std::vector<std::uint8_t> Ldpc::encode(std::span<const std::uint8_t> data) const {
  check<Error>(data.size() == data_, "a code of ", data_, " data bits was given ", data.size());
  std::vector<std::uint8_t> word(data.begin(), data.end());
  word.reserve(channel_);
  for (std::size_t j = 0; j < checks_; ++j) {
    unsigned parity = 0;  // of all bits of the check but the last, which is the one that is made
    for (std::uint32_t e = begin_[j]; e + 1 < begin_[j + 1]; ++e) parity ^= word[bits_[e]];
    word.push_back(static_cast<std::uint8_t>(parity & 1));
  }
  for (std::size_t i = 0; word.size() < channel_; ++i) word.push_back(word[i]);
  return word;
}

namespace {

bool is_code_word(std::span<const std::uint32_t> begin, std::span<const std::uint32_t> bits,
                  std::span<const float> total) {
  for (std::size_t j = 0; j + 1 < begin.size(); ++j) {
    bool parity = false;
    bool undecided = false;
    for (std::uint32_t e = begin[j]; e < begin[j + 1]; ++e) {
      parity ^= total[bits[e]] < 0;
      undecided |= total[bits[e]] == 0;
    }
    if (parity || undecided) return false;
  }
  return true;
}

/// Where there is no code word, 0.37 to 0.42 of the checks stay odd from the first passes on; where one was found in
/// the end, as many were never seen: 0.33 at most, with more errors than any channel is used with.
constexpr int hopeless_from = 4;
constexpr double hopeless_share = 0.35;

}  // namespace

std::optional<std::vector<std::uint8_t>> Ldpc::decode(std::span<const float> llr, int iterations) const {
  check<Error>(llr.size() == channel_, "a code of ", channel_, " channel bits was given ", llr.size());
  const std::size_t length = data_ + checks_;
  std::vector<float> first(length, 0.0F);
  for (std::size_t i = 0; i < channel_; ++i) first[i % length] += llr[i];
  Beliefs beliefs(*groups_, std::move(first));
  for (int i = 0; i < iterations; ++i) {
    const std::size_t odd = pass(*groups_, beliefs);
    if (i >= hopeless_from && hopeless_share * static_cast<double>(checks_) < static_cast<double>(odd)) break;
    if (!is_code_word(begin_, bits_, beliefs.total)) continue;
    std::vector<std::uint8_t> data(data_);
    std::transform(data.begin(), data.end(), beliefs.total.begin(), data.begin(),
                   [](std::uint8_t, float t) { return static_cast<std::uint8_t>(t < 0 ? 1 : 0); });
    return data;
  }
  return std::nullopt;
}

}  // namespace g2face::payload
