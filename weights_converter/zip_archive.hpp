#pragma once
// Zip archives in memory, read strictly: entries follow each other without gaps, what is written twice agrees, and the
// CRC-32 of every entry is verified before any is used. Source: PKWARE's APPNOTE.TXT 6.3.10.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/input_file.hpp"

namespace g2face::weights {

struct ZipEntry {
  std::string_view name;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;                // of the contents
  std::span<const std::uint8_t> stored;  // in the archive; the contents unless deflated
};

class ZipArchive {
 public:
  /// `bytes` outlive this object, whether they are mapped or not; `file` is the name in messages. Throws
  /// WeightFileError if anything is damaged.
  ZipArchive(io::MappedFile bytes, std::string file);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null if there is none of this name.
  const ZipEntry* find(std::string_view name) const;
  /// Hands over the contents piece by piece.
  void unpack(const ZipEntry& entry, const std::function<void(std::span<const std::uint8_t>)>& use) const;
  /// The contents, at most `limit` bytes. Throws WeightFileError if there are more.
  std::vector<std::uint8_t> contents(const ZipEntry& entry, std::uint64_t limit) const;

 private:
  void read_directory(std::span<const std::uint8_t> bytes);
  void verify(const ZipEntry& entry) const;

  io::MappedFile mapped_;
  std::string file_;
  std::vector<ZipEntry> entries_;  // by name, once it is complete
};

}  // namespace g2face::weights
