#pragma once
// The JSON header of a safetensors file, read without building a tree of it.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/dtype.hpp"

namespace g2face::io {

/// What the reference implementation accepts.
constexpr std::uint64_t max_header_bytes = 100'000'000;

struct HeaderEntry {
  std::string name;
  std::string type_name;       // "F32"
  std::optional<DType> dtype;  // none if the library has no such type
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::vector<std::int64_t>> data_offsets;
};

struct Header {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string, std::less<>> metadata;
};

/// Which types of elements are accepted: those that the library computes with, or all that the format has.
enum class HeaderTypes : std::uint8_t { of_library, all };

/// Every entry has its three fields; numbers are not negative; names are unique. What the numbers mean is not checked.
/// Throws CheckpointError, "FILE: what is wrong".
Header parse_header(std::string_view text, const std::string& file, HeaderTypes types = HeaderTypes::of_library);

/// A whole file, and its data: what follows the header. Throws CheckpointError.
struct HeaderAndData {
  Header header;
  std::span<const std::uint8_t> data;
};
HeaderAndData split_safetensors(std::span<const std::uint8_t> bytes, const std::string& file, HeaderTypes types);

/// Where in the data a tensor lies.
struct DataExtent {
  const HeaderEntry* entry = nullptr;
  std::size_t begin = 0, end = 0;
};
/// Throws CheckpointError unless data_offsets are two ascending numbers.
DataExtent data_extent(const HeaderEntry& entry, const std::string& file);
/// Throws CheckpointError unless these fill `size` bytes exactly, without overlap.
void check_coverage(std::vector<DataExtent> extents, std::size_t size, const std::string& file);

/// `text` in quotes for a message: one line, at most 100 characters.
std::string in_quotes(std::string_view text);

}  // namespace g2face::io
