#pragma once
// XChaCha20-Poly1305, as libsodium's crypto_aead_xchacha20poly1305_ietf.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "payload/bytes.hpp"

namespace g2face::payload {

constexpr std::size_t tag_bytes = 16;

/// As many bytes as `plain` and tag_bytes more. `key` has 32 bytes; `data` is authenticated beside it.
Bytes encrypt(std::span<const std::uint8_t> key, const std::array<std::uint8_t, 24>& nonce,
              std::span<const std::uint8_t> plain, std::span<const std::uint8_t> data);
/// And back; nothing if the tag does not fit.
std::optional<Bytes> decrypt(std::span<const std::uint8_t> key, const std::array<std::uint8_t, 24>& nonce,
                             std::span<const std::uint8_t> sealed, std::span<const std::uint8_t> data);

}  // namespace g2face::payload
