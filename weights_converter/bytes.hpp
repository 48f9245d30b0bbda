#pragma once
// Little-endian numbers at any address, and parts of a range of bytes.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace g2face::weights {

using Bytes = std::span<const std::uint8_t>;

static_assert(std::endian::native == std::endian::little, "the numbers of all these formats are used in place");

/// The number at `at`, which the caller has found to lie inside.
template <class T>
T number_at(Bytes bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.subspan(at, sizeof value).data(), sizeof value);
  return value;
}

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace g2face::weights
