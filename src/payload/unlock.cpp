#include "payload/unlock.hpp"

#include <sodium.h>

#include <algorithm>

#include "g2face/error.hpp"

namespace g2face::payload {

void seal_box(const Secret& secret, const PublicKey& to, std::uint8_t* out) {
  static_assert(crypto_box_SEALBYTES + key_bytes == boxed_key_bytes);
  check<Error>(crypto_box_seal(out, secret.data(), secret.size(), to.data()) == 0,
               "a recipient's public key is no point of the curve: ask for another");
}

std::optional<Secret> open_box(std::span<const std::uint8_t> box, const Key& key) {
  Secret secret(key_bytes), content(key_bytes);
  PublicKey open{};
  crypto_box_seed_keypair(open.data(), secret.data(), key.derived("box").data());
  const int failed = crypto_box_seal_open(content.data(), box.data(), boxed_key_bytes, open.data(), secret.data());
  return failed == 0 ? std::optional(std::move(content)) : std::nullopt;
}

const Secret& PasswordKeys::key(const std::array<std::uint8_t, 16>& salt, const PasswordCost& cost) {
  std::array<std::uint8_t, 18> name{static_cast<std::uint8_t>(cost.passes),
                                    static_cast<std::uint8_t>(cost.memory_log2)};
  std::copy(salt.begin(), salt.end(), name.begin() + 2);
  if (const auto found = keys_.find(name); found != keys_.end()) return found->second;
  return keys_.emplace(name, password_key(password_, salt, cost)).first->second;
}

}  // namespace g2face::payload
