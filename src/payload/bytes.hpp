#pragma once
// Numbers and texts as the formats write them: the high byte first, texts after their length in 4 bytes.

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace g2face::payload {

using Bytes = std::vector<std::uint8_t>;

template <std::unsigned_integral T>
void put(Bytes& out, T value) {
  for (std::size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void put(Bytes& out, std::span<const std::uint8_t> bytes);
void put(Bytes& out, std::string_view text);

/// The first bytes of `in`, which has to have them, as a number; `in` is moved on.
template <std::unsigned_integral T>
T take(std::span<const std::uint8_t>& in) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | in[i];
  in = in.subspan(sizeof(T));
  return static_cast<T>(value);
}

}  // namespace g2face::payload
