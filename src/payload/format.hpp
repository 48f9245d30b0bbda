#pragma once
// The bytes of the format. docs/payload.md.

#include <optional>

#include "g2face/payload/quantiser.hpp"
#include "g2face/payload/sealed.hpp"
#include "payload/aead.hpp"
#include "payload/frame.hpp"

namespace g2face::payload {

constexpr std::size_t secret_lock_bytes = 26, header_bytes = 11;
constexpr std::uint8_t format_version = 1, code_id = 1;

/// header_bytes, then the levels.
Bytes write_plain(const Quantised& q);
/// Nothing if any field is not as write_plain would write it, or the vector has another dimension.
std::optional<Quantised> read_plain(std::span<const std::uint8_t> bytes, std::size_t dimension);

/// What is authenticated with the body beside it.
Bytes associated_data(const Binding& binding);

/// The keys of one payload, from the secret and its lock.
struct FileKeys {
  std::span<std::uint8_t> all;           // root, seal and mask of 32 bytes each
  std::array<std::uint8_t, 24> nonce{};  // of the AEAD
  Secret own = {};                       // that holds them, unless the caller's does

  std::span<std::uint8_t> seal() const { return all.subspan(32, 32); }
  std::span<const std::uint8_t> mask() const { return all.subspan(64, 32); }
};
constexpr std::size_t file_key_bytes = 96;
/// In the caller's guarded memory of file_key_bytes.
FileKeys file_keys(const Secret& shared, std::span<const std::uint8_t> lock, std::span<std::uint8_t> at);
FileKeys file_keys(const Secret& shared, std::span<const std::uint8_t> lock);

/// XChaCha20-Poly1305: as encrypt(). And back; nothing if the tag does not fit.
Bytes seal_body(const FileKeys& keys, std::span<const std::uint8_t> plain, const Binding& binding);
std::optional<Bytes> open_body(const FileKeys& keys, std::span<const std::uint8_t> body, const Binding& binding);

enum class LockKind : std::uint8_t { key = 0, password = 1, recipients = 2 };
/// The lock of a password or a key: kind * 16 + passes, memory_log2, salt. A key has no cost: zeros.
Bytes write_lock(LockKind kind, const PasswordCost& cost, const std::array<std::uint8_t, 24>& salt);
/// The cost in a password's lock, or nothing if it is none.
std::optional<PasswordCost> read_password_lock(std::span<const std::uint8_t> lock);

}  // namespace g2face::payload
