#pragma once
// SHA-256 in hexadecimal, by libsodium: what names contents in manifests.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace g2face::io {

/// Of what comes in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::span<const std::uint8_t> bytes);
  /// Ends the use of this object.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::span<const std::uint8_t> bytes);
std::string sha256(std::string_view text);
/// Of a regular file of any size. Throws FileError.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace g2face::io
