#include "payload/aead.hpp"

#include <sodium.h>

namespace g2face::payload {

Bytes encrypt(std::span<const std::uint8_t> key, const std::array<std::uint8_t, 24>& nonce,
              std::span<const std::uint8_t> plain, std::span<const std::uint8_t> data) {
  static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == tag_bytes);
  Bytes sealed(plain.size() + tag_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, plain.data(), plain.size(), data.data(),
                                             data.size(), nullptr, nonce.data(), key.data());
  return sealed;
}

std::optional<Bytes> decrypt(std::span<const std::uint8_t> key, const std::array<std::uint8_t, 24>& nonce,
                             std::span<const std::uint8_t> sealed, std::span<const std::uint8_t> data) {
  if (sealed.size() < tag_bytes) return std::nullopt;
  Bytes plain(sealed.size() - tag_bytes);
  const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
      plain.data(), nullptr, nullptr, sealed.data(), sealed.size(), data.data(), data.size(), nonce.data(), key.data());
  return failed == 0 ? std::optional(std::move(plain)) : std::nullopt;
}

}  // namespace g2face::payload
