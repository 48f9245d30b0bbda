#pragma once
// Forward error correction: a low-density parity-check code with soft decisions.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace g2face::payload {

struct CheckGroups;

/// A systematic irregular repeat-accumulate code (Jin, Khandekar and McEliece, 2000): `data` bits u and `checks` parity
/// bits p, each p_j = p_{j-1} + the data bits of check j, so that encoding is one pass and half of the graph is a
/// chain. Data bits take part in 4 checks or in many (8 or 12), in shares that depend on the rate, as in DVB-S2 (ETSI
/// EN 302 307), whose fewest are 3. Which ones follows from the two sizes alone, by a generator of fixed numbers
/// (src/payload/ldpc.cpp, part of the format): the checks of a data bit lie apart in the chain, and no
/// two data bits share two checks, where that can be had.
///
/// A channel with room for more than 5 bits for each data bit repeats the code word from its start.
class Ldpc {
 public:
  /// data > 0, channel > data. Throws Error for others.
  Ldpc(std::size_t data, std::size_t channel);

  std::size_t data_bits() const { return data_; }
  std::size_t channel_bits() const { return channel_; }
  double rate() const { return static_cast<double>(data_) / static_cast<double>(channel_); }

  /// bits 0 or 1: [data_bits] -> [channel_bits]
  std::vector<std::uint8_t> encode(std::span<const std::uint8_t> data) const;

  /// log(P(0) / P(1)) of each channel bit -> the data bits, or nothing if no code word is found in `iterations`. What
  /// is found need not be what was sent: check it. Sum-product, eight checks at a time one after the other, with the
  /// logarithm of 1 + e^-x as a line; ends early where there is no code word to be found.
  std::optional<std::vector<std::uint8_t>> decode(std::span<const float> llr, int iterations = 60) const;

 private:
  std::size_t data_, channel_, checks_;
  std::vector<std::uint32_t> begin_;           // of each check's bits in bits_, and the end of the last
  std::vector<std::uint32_t> bits_;            // data bits, then the parity bits of the chain, the check's own last
  std::shared_ptr<const CheckGroups> groups_;  // the same, as decoding takes it
};

}  // namespace g2face::payload
