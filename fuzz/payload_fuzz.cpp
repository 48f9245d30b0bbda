// Whatever the bytes are, the parsers of the payload give what they would write again, or nothing, or an Error of one
// line; and no logits open without the secret.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "payload/format.hpp"

using namespace g2face::payload;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const std::size_t dimension = size > 3 ? data[2] * 256U + data[3] : 1;
  if (const auto q = read_plain(bytes, dimension)) {
    const Bytes again = write_plain(*q);
    if (!std::equal(bytes.begin(), bytes.end(), again.begin(), again.end())) std::abort();
    static_cast<void>(dequantise(*q));
  }
  static_cast<void>(read_password_lock(bytes));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    static_cast<void>(Key::parse(text));
  } catch (const g2face::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  try {
    static_cast<void>(parse_public_key(text));
  } catch (const g2face::Error&) {
  }
  static Opener opener = Opener::with_key(Key::generate());
  std::vector<float> logits(1024);
  std::memcpy(logits.data(), data, std::min(size, 4 * logits.size()));
  try {
    opener.open(logits, 4, {.bits = logits.size()}, {});
    std::abort();
  } catch (const NotAuthentic&) {
  }
  return 0;
}
