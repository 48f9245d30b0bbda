#pragma once
// Who can open a sealed payload: keys as files hold them, and what a password costs to try.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "g2face/payload/secret.hpp"

namespace g2face::payload {

/// The half of a key that may be given away: who has it can seal for the key's holder, and not open.
using PublicKey = std::array<std::uint8_t, 32>;
/// One line, "g2face-public-key-1 " and 64 hexadecimal digits.
std::string to_text(const PublicKey& key);
/// Of such a line, with or without its end. Throws Error without quoting what it was given.
PublicKey parse_public_key(std::string_view text);

/// 32 random bytes, from which all else is derived by keyed BLAKE2b: a key that seals and opens, and a pair of
/// X25519 keys whose public half seals alone.
class Key {
 public:
  static Key generate();
  /// Of a line as text() gives it, with or without its end. Throws Error without quoting what it was given.
  static Key parse(std::string_view text);
  /// One line, "g2face-secret-key-1 " and 64 hexadecimal digits.
  Secret text() const;
  PublicKey public_key() const;
  Key copy() const { return Key(bytes_.copy()); }
  /// 32 bytes for one purpose, which do not tell those for another.
  Secret derived(std::string_view purpose) const;

 private:
  explicit Key(Secret bytes) : bytes_(std::move(bytes)) {}
  Secret bytes_;
};

/// What Argon2id costs whoever tries a password. The default is libsodium's "moderate": about 0.7 s and 256 MiB.
struct PasswordCost {
  int passes = 3;        // 1 to 15
  int memory_log2 = 28;  // of the bytes: 13 to 30
  bool operator==(const PasswordCost&) const = default;
};

/// Argon2id, version 1.3, one lane, 32 bytes. Throws DeviceError if the memory is not there, Error for a cost out of
/// range.
Secret password_key(const Secret& password, const std::array<std::uint8_t, 16>& salt, const PasswordCost& cost);

}  // namespace g2face::payload
