#pragma once
// SHA-256 in hexadecimal, by libsodium: what names contents in manifests.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace g2face::io {

std::string sha256(std::span<const std::uint8_t> bytes);
std::string sha256(std::string_view text);
/// Of a regular file of any size. Throws FileError.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace g2face::io
