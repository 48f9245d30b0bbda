#include "payload/format.hpp"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include "payload/aead.hpp"

namespace g2face::payload {
Bytes write_plain(const Quantised& q) {
  Bytes out;
  put(out, format_version);
  put(out, code_id);
  put(out, static_cast<std::uint16_t>(q.levels.size()));
  put(out, q.bits);
  put(out, std::bit_cast<std::uint32_t>(q.norm));
  put(out, q.peak);
  const Bytes levels = pack_levels(q);
  out.insert(out.end(), levels.begin(), levels.end());
  return out;
}

std::optional<Quantised> read_plain(std::span<const std::uint8_t> bytes, std::size_t dimension) {
  if (bytes.size() < header_bytes) return std::nullopt;
  if (take<std::uint8_t>(bytes) != format_version || take<std::uint8_t>(bytes) != code_id) return std::nullopt;
  if (take<std::uint16_t>(bytes) != dimension) return std::nullopt;
  Quantised q;
  q.bits = take<std::uint8_t>(bytes);
  q.norm = std::bit_cast<float>(take<std::uint32_t>(bytes));
  q.peak = take<std::uint16_t>(bytes);
  if (q.bits < least_bits || q.bits > most_bits || !std::isfinite(q.norm) || std::signbit(q.norm)) return std::nullopt;
  q.levels.resize(dimension);
  return unpack_levels(bytes, q) ? std::optional(std::move(q)) : std::nullopt;
}

Bytes associated_data(const Binding& binding) {
  Bytes out;
  put(out, std::string_view("g2face sealed 1"));
  put(out, std::string_view(binding.model));
  put(out, binding.face);
  for (const std::int32_t side : binding.box) put(out, static_cast<std::uint32_t>(side));
  put(out, std::string_view(binding.file));
  return out;
}

FileKeys file_keys(const Secret& shared, std::span<const std::uint8_t> lock, std::span<std::uint8_t> at) {
  static_assert(crypto_kdf_KEYBYTES == 32 && crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == 24);
  FileKeys keys{.all = at};
  std::uint8_t* const root = at.data();
  crypto_generichash(root, 32, lock.data(), lock.size(), shared.data(), shared.size());
  crypto_kdf_derive_from_key(root + 32, 32, 1, "g2f-seal", root);
  crypto_kdf_derive_from_key(root + 64, 32, 2, "g2f-seal", root);
  crypto_generichash(keys.nonce.data(), keys.nonce.size(), lock.data(), lock.size(), nullptr, 0);
  return keys;
}

FileKeys file_keys(const Secret& shared, std::span<const std::uint8_t> lock) {
  Secret own(file_key_bytes);
  FileKeys keys = file_keys(shared, lock, own.bytes());
  keys.own = std::move(own);
  return keys;
}

Bytes seal_body(const FileKeys& keys, std::span<const std::uint8_t> plain, const Binding& binding) {
  return encrypt(keys.seal(), keys.nonce, plain, associated_data(binding));
}

std::optional<Bytes> open_body(const FileKeys& keys, std::span<const std::uint8_t> body, const Binding& binding) {
  return decrypt(keys.seal(), keys.nonce, body, associated_data(binding));
}

Bytes write_lock(LockKind kind, const PasswordCost& cost, const std::array<std::uint8_t, 24>& salt) {
  const bool costs = kind == LockKind::password;
  Bytes lock(secret_lock_bytes);
  lock[0] = static_cast<std::uint8_t>(static_cast<int>(kind) * 16 + (costs ? cost.passes : 0));
  lock[1] = static_cast<std::uint8_t>(costs ? cost.memory_log2 : 0);
  std::copy(salt.begin(), salt.end(), lock.begin() + 2);
  return lock;
}

std::optional<PasswordCost> read_password_lock(std::span<const std::uint8_t> lock) {
  if (lock.size() != secret_lock_bytes) return std::nullopt;
  const PasswordCost cost{.passes = lock[0] % 16, .memory_log2 = lock[1]};
  const bool is_one = lock[0] / 16 == static_cast<int>(LockKind::password) && cost.passes >= 1 &&
                      cost.memory_log2 >= 13 && cost.memory_log2 <= 30;
  return is_one ? std::optional(cost) : std::nullopt;
}

}  // namespace g2face::payload
