#include <cctype>
#include <cstring>

#include "io/image_codec.hpp"

namespace g2face::io {
namespace {

// Takes the next number of a header off the front; -1 if there is none of at most nine digits.
std::int64_t take_number(Bytes& rest) {
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

Pixels decode_pnm(Bytes bytes, const std::string& name, const ImageLimits& limits) {
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
  allocate_pixels(pixels, name);
  if (sample_bytes == 1) {
    std::memcpy(pixels.data.get(), rest.data(), samples);
  } else {
    auto* out = static_cast<std::uint16_t*>(pixels.data.get());
    for (std::size_t i = 0; i < samples; ++i) out[i] = static_cast<std::uint16_t>(rest[2 * i] << 8 | rest[2 * i + 1]);
  }
  return pixels;
}

std::vector<std::uint8_t> encode_ppm(const RgbImage& image, const std::string&) {
  const std::string header = str("P6\n", image.width, " ", image.height, "\n255\n");
  std::vector<std::uint8_t> out(header.begin(), header.end());
  out.insert(out.end(), image.rgb.begin(), image.rgb.end());
  return out;
}

}  // namespace g2face::io
