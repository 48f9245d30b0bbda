#include "g2face/payload/keys.hpp"

#include <sodium.h>

#include <algorithm>

#include "g2face/error.hpp"

namespace g2face::payload {
namespace {

constexpr std::string_view public_label = "g2face-public-key-1 ", secret_label = "g2face-secret-key-1 ";
constexpr std::size_t key_bytes = 32;

/// The 32 bytes of a line, written to `out`; whether it is such a line.
bool read_line(std::string_view text, std::string_view label, std::uint8_t* out) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (!text.starts_with(label) || text.size() != label.size() + 2 * key_bytes) return false;
  text.remove_prefix(label.size());
  std::size_t written = 0;
  return sodium_hex2bin(out, key_bytes, text.data(), text.size(), nullptr, &written, nullptr) == 0 &&
         written == key_bytes;
}

/// The pair that belongs to a key; both halves of 32 bytes.
struct BoxKeys {
  PublicKey open{};
  Secret secret = Secret(key_bytes);
};
BoxKeys box_keys(const Key& key) {
  BoxKeys pair;
  crypto_box_seed_keypair(pair.open.data(), pair.secret.data(), key.derived("box").data());
  return pair;
}

}  // namespace

std::string to_text(const PublicKey& key) {
  std::array<char, 2 * key_bytes + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), key.data(), key.size());
  return str(public_label, hex.data(), "\n");
}

PublicKey parse_public_key(std::string_view text) {
  PublicKey key{};
  check<Error>(!text.starts_with(secret_label),
               "this is the secret key: give the public one, which g2face keygen "
               "--public writes");
  check<Error>(read_line(text, public_label, key.data()), "not a public key: one line, '", public_label,
               "' and 64 hexadecimal digits, was expected");
  return key;
}

Key Key::generate() {
  Secret bytes(key_bytes);
  randombytes_buf(bytes.data(), bytes.size());
  return Key(std::move(bytes));
}

Key Key::parse(std::string_view text) {
  Secret bytes(key_bytes);
  check<Error>(!text.starts_with(public_label), "this is a public key, which cannot open: give the secret one");
  check<Error>(read_line(text, secret_label, bytes.data()), "not a key: one line, '", secret_label,
               "' and 64 hexadecimal digits, was expected");
  return Key(std::move(bytes));
}

Secret Key::text() const {
  Secret line(secret_label.size() + 2 * key_bytes + 1);
  char* out = reinterpret_cast<char*>(line.data());
  std::copy(secret_label.begin(), secret_label.end(), out);
  sodium_bin2hex(out + secret_label.size(), 2 * key_bytes + 1, bytes_.data(), key_bytes);
  out[line.size() - 1] = '\n';
  return line;
}

PublicKey Key::public_key() const { return box_keys(*this).open; }

Secret Key::derived(std::string_view purpose) const {
  Secret out(key_bytes);
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const std::uint8_t*>(purpose.data()), purpose.size(),
                     bytes_.data(), bytes_.size());
  return out;
}

Secret password_key(const Secret& password, const std::array<std::uint8_t, 16>& salt, const PasswordCost& cost) {
  static_assert(crypto_pwhash_SALTBYTES == 16);
  check<Error>(cost.passes >= 1 && cost.passes <= 15 && cost.memory_log2 >= 13 && cost.memory_log2 <= 30,
               "a password cost of ", cost.passes, " passes over 2^", cost.memory_log2,
               " bytes: 1 to 15 passes over 2^13 to 2^30 bytes were expected");
  Secret out(key_bytes);
  const char* text = password.size() > 0 ? reinterpret_cast<const char*>(password.data()) : "";  // never null
  const int failed = crypto_pwhash(out.data(), out.size(), text, password.size(), salt.data(),
                                   static_cast<unsigned long long>(cost.passes), std::size_t{1} << cost.memory_log2,
                                   crypto_pwhash_ALG_ARGON2ID13);
  check<DeviceError>(failed == 0, "the password needs 2^", cost.memory_log2 - 20,
                     " MiB of memory, which are not there: close other programs");
  return out;
}

}  // namespace g2face::payload
