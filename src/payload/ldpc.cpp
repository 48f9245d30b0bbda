#include "g2face/payload/ldpc.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "g2face/error.hpp"
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

/// log(P(a + b = 0) / P(a + b = 1)) of two bits.
float combined(float a, float b) {
  const auto correction = [](float x) { return std::max(0.0F, 0.6931F - 0.25F * x); };
  const float x = std::abs(a), y = std::abs(b);
  const float value = std::max(0.0F, std::min(x, y) + correction(x + y) - correction(std::abs(x - y)));
  return std::copysign(value, std::copysign(1.0F, a) * b);
}

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

/// The state of one decoding: what is believed of each bit, and what each check has told it.
class Beliefs {
 public:
  Beliefs(std::span<const std::uint32_t> begin, std::span<const std::uint32_t> bits, std::vector<float> llr)
      : begin_(begin), bits_(bits), total_(std::move(llr)), told_(bits.size(), 0.0F) {
    std::size_t largest = 0;
    for (std::size_t j = 0; j + 1 < begin.size(); ++j)
      largest = std::max<std::size_t>(largest, begin[j + 1] - begin[j]);
    from_.resize(largest);
    after_.resize(largest);
  }

  /// Each check hears of its bits what the others say of them, and tells each what the rest of them say together.
  void pass() {
    for (std::size_t j = 0; j + 1 < begin_.size(); ++j) {
      const std::size_t first = begin_[j], degree = begin_[j + 1] - first;
      for (std::size_t i = 0; i < degree; ++i) from_[i] = total_[bits_[first + i]] - told_[first + i];
      if (degree == 1) {  // the first check may have no data bit: its parity bit is 0
        tell(first, 0, certain);
        continue;
      }
      after_[degree - 1] = from_[degree - 1];
      for (std::size_t i = degree - 1; i-- > 1;) after_[i] = combined(from_[i], after_[i + 1]);
      float before = from_[0];
      tell(first, 0, after_[1]);
      for (std::size_t i = 1; i + 1 < degree; ++i) {
        tell(first, i, combined(before, after_[i + 1]));
        before = combined(before, from_[i]);
      }
      tell(first, degree - 1, before);
    }
  }

  bool is_code_word() const {
    for (std::size_t j = 0; j + 1 < begin_.size(); ++j) {
      bool parity = false;
      bool undecided = false;
      for (std::uint32_t e = begin_[j]; e < begin_[j + 1]; ++e) {
        parity ^= total_[bits_[e]] < 0;
        undecided |= total_[bits_[e]] == 0;
      }
      if (parity || undecided) return false;
    }
    return true;
  }

  const std::vector<float>& total() const { return total_; }

 private:
  static constexpr float certain = 40;

  void tell(std::size_t first, std::size_t i, float message) {
    told_[first + i] = message;
    total_[bits_[first + i]] = from_[i] + message;
  }

  std::span<const std::uint32_t> begin_, bits_;
  std::vector<float> total_, told_, from_, after_;
};

}  // namespace

std::optional<std::vector<std::uint8_t>> Ldpc::decode(std::span<const float> llr, int iterations) const {
  check<Error>(llr.size() == channel_, "a code of ", channel_, " channel bits was given ", llr.size());
  const std::size_t length = data_ + checks_;
  std::vector<float> first(length, 0.0F);
  for (std::size_t i = 0; i < channel_; ++i) first[i % length] += llr[i];
  Beliefs beliefs(begin_, bits_, std::move(first));
  for (int i = 0; i < iterations; ++i) {
    beliefs.pass();
    if (!beliefs.is_code_word()) continue;
    std::vector<std::uint8_t> data(data_);
    std::transform(data.begin(), data.end(), beliefs.total().begin(), data.begin(),
                   [](std::uint8_t, float t) { return static_cast<std::uint8_t>(t < 0 ? 1 : 0); });
    return data;
  }
  return std::nullopt;
}

}  // namespace g2face::payload
