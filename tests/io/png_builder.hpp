#pragma once
// Makes PNG files that our own writer does not: any bit depth and colour type, uncompressed, and lies about the size.

#include <cstdint>
#include <string>
#include <vector>

namespace g2face::test {

struct PngSpec {
  std::uint32_t width = 1;
  std::uint32_t height = 1;
  std::uint8_t bits = 8;
  std::uint8_t colour_type = 2;  // 0 grey, 2 RGB, 4 grey and alpha, 6 RGB and alpha
};

/// `rows` holds each row's samples, big-endian, without filter bytes; they may be fewer than the header claims.
inline std::vector<std::uint8_t> build_png(const PngSpec& spec, const std::vector<std::vector<std::uint8_t>>& rows) {
  std::vector<std::uint8_t> out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const auto put32 = [](std::vector<std::uint8_t>& to, std::uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(v >> shift));
  };
  const auto chunk = [&](const std::string& type, const std::vector<std::uint8_t>& data) {
    put32(out, static_cast<std::uint32_t>(data.size()));
    std::vector<std::uint8_t> body(type.begin(), type.end());
    body.insert(body.end(), data.begin(), data.end());
    std::uint32_t crc = 0xffffffffu;
    for (const std::uint8_t b : body) {
      crc ^= b;
      for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
    }
    out.insert(out.end(), body.begin(), body.end());
    put32(out, ~crc);
  };

  std::vector<std::uint8_t> header;
  put32(header, spec.width);
  put32(header, spec.height);
  header.insert(header.end(), {spec.bits, spec.colour_type, 0, 0, 0});
  chunk("IHDR", header);

  std::vector<std::uint8_t> raw;
  for (const auto& row : rows) {
    raw.push_back(0);
    raw.insert(raw.end(), row.begin(), row.end());
  }
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const std::uint8_t v : raw) {
    a = (a + v) % 65521;
    b = (b + a) % 65521;
  }
  const auto n = static_cast<std::uint16_t>(raw.size());  // one stored block: enough for tests
  std::vector<std::uint8_t> data{0x78, 0x01, 0x01};
  for (const unsigned v : {unsigned{n}, ~unsigned{n}}) {
    data.push_back(static_cast<std::uint8_t>(v & 0xff));
    data.push_back(static_cast<std::uint8_t>(v >> 8 & 0xff));
  }
  data.insert(data.end(), raw.begin(), raw.end());
  put32(data, b << 16 | a);
  chunk("IDAT", data);
  chunk("IEND", {});
  return out;
}

}  // namespace g2face::test
