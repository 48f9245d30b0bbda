#include "io/sha256.hpp"

#include <sodium.h>

#include <array>

#include "io/input_file.hpp"

namespace g2face::io {

std::string sha256(std::span<const std::uint8_t> bytes) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), bytes.data(), bytes.size());
  std::string text(2 * digest.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), digest.data(), digest.size());
  text.pop_back();  // libsodium ends it with a zero
  return text;
}

std::string sha256(std::string_view text) {
  return sha256(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string sha256_of_file(const std::filesystem::path& path) { return sha256(map_file(path).bytes); }

}  // namespace g2face::io
