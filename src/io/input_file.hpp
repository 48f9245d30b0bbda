#pragma once
// Regular files for reading. Nothing here blocks on a pipe or reads a folder.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace g2face::io {

/// The bytes of a file, mapped read-only. Another process that shortens the file while it is mapped makes reads fail
/// with SIGBUS; our own writers replace files instead of changing them.
struct MappedFile {
  std::shared_ptr<const void> mapping;
  std::span<const std::uint8_t> bytes;
};

/// Throws FileError if there is no such file, or it is not a regular file, is empty, or cannot be mapped.
MappedFile map_file(const std::filesystem::path& path);

/// Lets the memory that holds `part` of the file go; what is read again comes from the file again. Only advice. Nothing
/// happens if nothing is mapped.
void release_pages(const MappedFile& file, std::span<const std::uint8_t> part);

/// Reads a whole file of at most `limit` bytes. Throws FileError as map_file does, or if the file is larger.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uintmax_t limit);

/// Hands the bytes of a file of any size to `use`, piece by piece, without mapping it. Throws FileError as map_file
/// does.
void read_pieces(const std::filesystem::path& path, const std::function<void(std::span<const std::uint8_t>)>& use);

}  // namespace g2face::io
