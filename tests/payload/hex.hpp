#pragma once
// What the tests of formats share: bytes as text, and randomness that is none.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "g2face/error.hpp"
#include "g2face/payload/sealed.hpp"

namespace g2face::payload {

inline std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t b : bytes) text += str("0123456789abcdef"[b / 16], "0123456789abcdef"[b % 16]);
  return text;
}

inline std::vector<std::uint8_t> from_hex(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// 0, 1, 2, ... over all calls.
inline Random counting() {
  return [n = std::uint8_t{0}](std::span<std::uint8_t> bytes) mutable {
    for (std::uint8_t& b : bytes) b = n++;
  };
}

}  // namespace g2face::payload
