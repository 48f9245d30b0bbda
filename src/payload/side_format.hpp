#pragma once
// The bytes of side data. docs/side_data.md.

#include <optional>

#include "g2face/payload/side.hpp"
#include "payload/bytes.hpp"

namespace g2face::payload {

constexpr std::uint8_t side_version = 1;
constexpr std::size_t commitment_bytes = 32, locked_key_bytes = 48;

/// What says, without a secret, what the rest is.
struct SideHeader {
  bool exact = false, pixels = false;
  std::string model;
  std::array<std::uint8_t, commitment_bytes> commitment{};  // to the content key and the header before it
};
/// Up to the commitment, without it.
Bytes write_side_header(const SideHeader& header);

enum class SideLockKind : std::uint8_t { key = 0, password = 1, recipient = 2 };
/// The content key, locked.
struct SideLock {
  SideLockKind kind = SideLockKind::key;
  PasswordCost cost = {};                // of a password alone
  std::array<std::uint8_t, 16> salt{};   // of a password alone
  std::array<std::uint8_t, 24> nonce{};  // not of a recipient
  Bytes locked = {};                     // locked_key_bytes, of a recipient boxed_key_bytes
};

struct SideParts {
  SideHeader header;
  std::vector<SideLock> locks;
  std::span<const std::uint8_t> body;  // encrypted; of what was read, or is to be written
};
Bytes write_side(const SideParts& parts);
/// Throws NotAuthentic if the bytes are not as write_side would write them. `body` is a part of `side`.
SideParts read_side(std::span<const std::uint8_t> side);

/// What is in the body. Throws Error for what does not fit into the format's fields.
Bytes write_side_plain(std::span<const SideFace> faces);
/// Nothing if the bytes are not as write_side_plain would write them.
std::optional<std::vector<SideFace>> read_side_plain(std::span<const std::uint8_t> plain);

/// What is authenticated with the body beside it.
Bytes side_associated_data(const SideHeader& header, const SideBinding& binding);

/// The keys of one side data, from its content key.
struct SideKeys {
  Secret seal;
  std::array<std::uint8_t, commitment_bytes> commitment;
};
SideKeys side_keys(const Secret& content, const SideHeader& header);

}  // namespace g2face::payload
