#pragma once
// The JSON header of a safetensors file, read without building a tree of it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/dtype.hpp"

namespace g2face::io {

/// What the reference implementation accepts.
constexpr std::uint64_t max_header_bytes = 100'000'000;

struct HeaderEntry {
  std::string name;
  std::optional<DType> dtype;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::vector<std::int64_t>> data_offsets;
};

struct Header {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string, std::less<>> metadata;
};

/// Every entry has its three fields; numbers are not negative; names are unique. What the numbers mean is not checked.
/// Throws CheckpointError, "FILE: what is wrong".
Header parse_header(std::string_view text, const std::string& file);

/// `text` in quotes for a message: one line, at most 100 characters.
std::string in_quotes(std::string_view text);

}  // namespace g2face::io
