#include "weights_converter/pickle_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace g2face::weights::pickle {
namespace {

/// The number that `text` begins with, if it has `digits` digits.
std::optional<std::uint32_t> leading_number(std::string_view text, std::size_t digits, int base) {
  std::uint32_t value = 0;
  const char* end = text.data() + std::min(digits, text.size());
  const auto result = std::from_chars(text.data(), end, value, base);
  if (text.size() < digits || result.ptr != end || result.ec != std::errc()) return std::nullopt;
  return value;
}

void append_utf8(std::string& to, std::uint32_t code) {
  const auto put = [&to](std::uint32_t byte) { to += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18 & 7));
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

std::string decode_escapes(std::string_view text) {
  constexpr std::string_view letters = "abfnrtv\\'\"", meant = "\a\b\f\n\r\t\v\\'\"";
  std::string out;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.size() < 2) return out += text;
    const std::size_t letter = letters.find(text[1]);
    const bool hex = text[1] == 'x';
    const auto code = hex ? leading_number(text.substr(2), 2, 16) : leading_number(text.substr(1), 3, 8);
    if (letter != std::string_view::npos) {
      out += meant[letter];
      text.remove_prefix(2);
    } else if (code) {
      out += static_cast<char>(*code);
      text.remove_prefix(4);
    } else {
      out += text.substr(0, 2);
      text.remove_prefix(2);
    }
  }
  return out;
}

std::string decode_unicode_line(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t digits = text.starts_with("\\u") ? 4 : text.starts_with("\\U") ? 8 : 0;
    const auto code = digits > 0 ? leading_number(text.substr(2), digits, 16) : std::nullopt;
    append_utf8(out, code ? *code : static_cast<std::uint8_t>(text[0]));
    text.remove_prefix(code ? 2 + digits : 1);
  }
  return out;
}

}  // namespace g2face::weights::pickle
