#include "io/pnm.hpp"

#include <cctype>
#include <cstring>
#include <string_view>

namespace g2face::io {
namespace {

// Takes the next number of a header off the front; -1 if there is none of at most nine digits.
std::int64_t take_number(std::span<const std::uint8_t>& rest) {
  bool comment = false;
  while (!rest.empty() && (comment || std::isspace(rest[0]) != 0 || rest[0] == '#')) {
    comment = (comment || rest[0] == '#') && rest[0] != '\n';
    rest = rest.subspan(1);
  }
  std::int64_t value = 0;
  int digits = 0;
  for (; !rest.empty() && std::isdigit(rest[0]) != 0; ++digits) {
    if (digits == 9) return -1;
    value = 10 * value + (rest[0] - '0');
    rest = rest.subspan(1);
  }
  return digits > 0 ? value : -1;
}

}  // namespace

bool is_pnm(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6');
}

Pixels decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name, const ImageLimits& limits) {
  auto rest = bytes.subspan(2);
  Pixels pixels;
  pixels.channels = bytes[1] == '6' ? 3 : 1;
  pixels.width = take_number(rest);
  pixels.height = take_number(rest);
  const std::int64_t highest = take_number(rest);
  check<ImageError>(pixels.width >= 0 && pixels.height >= 0 && highest >= 1 && highest <= 65535 && !rest.empty() &&
                        std::isspace(rest[0]) != 0,
                    name, ": the PNM header lacks a width, a height or a maximum of 1 to 65535");
  check_pixel_count(pixels, name, limits);
  pixels.highest = static_cast<int>(highest);
  rest = rest.subspan(1);
  const std::size_t sample_bytes = highest > 255 ? 2 : 1;
  const auto samples = static_cast<std::size_t>(pixels.width * pixels.height * pixels.channels);
  check<ImageError>(rest.size() / sample_bytes >= samples, name, ": ends before the image does; is it truncated?");
  pixels.data.reset(std::malloc(samples * sample_bytes));
  check<ImageError>(pixels.data != nullptr, name, ": no memory for ", pixels.width, "x", pixels.height, " pixels");
  if (sample_bytes == 1) {
    std::memcpy(pixels.data.get(), rest.data(), samples);
  } else {
    auto* out = static_cast<std::uint16_t*>(pixels.data.get());
    for (std::size_t i = 0; i < samples; ++i) out[i] = static_cast<std::uint16_t>(rest[2 * i] << 8 | rest[2 * i + 1]);
  }
  return pixels;
}

std::vector<std::uint8_t> encode_ppm(std::span<const std::uint8_t> rgb, int width, int height) {
  const std::string header = str("P6\n", width, " ", height, "\n255\n");
  std::vector<std::uint8_t> out(header.begin(), header.end());
  out.insert(out.end(), rgb.begin(), rgb.end());
  return out;
}

}  // namespace g2face::io
