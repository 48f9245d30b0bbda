#include "io/crc32c.hpp"

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

using namespace g2face;

TEST_CASE("crc32c: the vectors of RFC 3720, B.4") {
  std::vector<std::byte> bytes(32, std::byte{0});
  CHECK(io::crc32c(bytes) == 0x8a9136aau);
  bytes.assign(32, std::byte{0xff});
  CHECK(io::crc32c(bytes) == 0x62a8ab43u);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  CHECK(io::crc32c(bytes) == 0x46dd794eu);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  CHECK(io::crc32c(bytes) == 0x113fdb5cu);
  CHECK(io::crc32c({}) == 0u);
}

TEST_CASE("crc32c: parts one after the other are the whole") {
  constexpr std::string_view text = "123456789";
  const auto bytes = std::as_bytes(std::span(text));
  CHECK(io::crc32c(bytes) == 0xe3069283u);
  for (std::size_t n = 0; n <= bytes.size(); ++n)
    CHECK(io::crc32c(bytes.subspan(n), io::crc32c(bytes.first(n))) == 0xe3069283u);
}
