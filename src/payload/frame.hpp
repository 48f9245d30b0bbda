#pragma once
// How bytes lie in the channel: shares, order, codes, masks.

#include <mutex>
#include <optional>

#include "g2face/payload/ldpc.hpp"
#include "g2face/payload/sealed.hpp"
#include "payload/bytes.hpp"

namespace g2face::payload {

/// Each byte as 8 bits, the high one first; and back.
Bytes to_bits(std::span<const std::uint8_t> bytes);
Bytes to_bytes(std::span<const std::uint8_t> bits);

/// XORs bits, 0 or 1, with the stream of XChaCha20 under `key` (32 bytes) and a nonce of zeros.
void mask(std::span<std::uint8_t> bits, std::span<const std::uint8_t> key);
/// The mask that everybody knows.
std::array<std::uint8_t, 32> public_mask_key();

/// The usable positions of a channel, in the order in which code bits lie on them.
std::vector<std::uint32_t> channel_order(const Channel& channel);

/// Readings of the same logits as log(P(0) / P(1)), the likeliest first.
std::vector<std::vector<float>> readings(std::span<const float> logits, const std::vector<std::uint32_t>& order);

/// A channel shared out between a lock and a body. Several threads may use one.
class Frame {
 public:
  Frame(const Channel& channel, std::size_t dimension, std::size_t lock_bytes);

  const Layout& shares() const { return layout_; }
  const std::vector<std::uint32_t>& order() const { return order_; }
  /// Code words with their masks, in channel order.
  Bytes encode(std::span<const std::uint8_t> lock, std::span<const std::uint8_t> lock_mask,
               std::span<const std::uint8_t> body, std::span<const std::uint8_t> body_mask) const;
  /// `llr` in channel order.
  std::optional<Bytes> lock(std::span<const float> llr, std::span<const std::uint8_t> lock_mask) const;
  std::optional<Bytes> body(std::span<const float> llr, std::span<const std::uint8_t> body_mask) const;

 private:
  const Ldpc& body_code() const;

  Layout layout_;
  std::vector<std::uint32_t> order_;
  Ldpc lock_code_;
  mutable std::once_flag made_;
  mutable std::optional<Ldpc> body_code_;  // made when a lock was opened
};

/// One that lasts as long as the process: codes take a while to make, and few are ever needed.
const Frame& shared_frame(const Channel& channel, std::size_t dimension, std::size_t lock_bytes);

}  // namespace g2face::payload
