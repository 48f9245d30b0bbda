#pragma once
// What locks are made and opened with, those in the pixels and those of side data.

#include <array>
#include <map>
#include <optional>
#include <span>

#include "g2face/payload/keys.hpp"

namespace g2face::payload {

constexpr std::size_t key_bytes = 32, boxed_key_bytes = 80;

/// Writes the sealed box of a secret of key_bytes to the boxed_key_bytes at `out`. Throws Error for a public key that
/// is none.
void seal_box(const Secret& secret, const PublicKey& to, std::uint8_t* out);
/// What is in a box of boxed_key_bytes, or nothing if it is not for this key.
std::optional<Secret> open_box(std::span<const std::uint8_t> box, const Key& key);

/// A password and what Argon2id made of it so far: one derivation for each salt.
class PasswordKeys {
 public:
  explicit PasswordKeys(Secret password) : password_(std::move(password)) {}
  const Secret& key(const std::array<std::uint8_t, 16>& salt, const PasswordCost& cost);

 private:
  Secret password_;
  std::map<std::array<std::uint8_t, 18>, Secret> keys_;  // by cost and salt
};

}  // namespace g2face::payload
