#include "io/image_codec.hpp"

#include <algorithm>
#include <cstring>

#include "io/pnm.hpp"

// The implementations are private to this file, so that a program with its own copy of stb links.
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace g2face::io {
namespace {

// Feeds stb, and notices when it asks for more than there is: left to itself stb goes on with zeros, or with whatever
// its memory held.
struct Source {
  std::span<const std::uint8_t> rest;
  bool starved = false;
  char* buffer = nullptr;  // stb's own, which it fills ahead of need, first of all

  static int read(void* user, char* out, int size) {
    auto& self = *static_cast<Source*>(user);
    if (self.buffer == nullptr) self.buffer = out;
    const std::size_t wanted = static_cast<std::size_t>(std::max(size, 0));
    const std::size_t n = std::min(self.rest.size(), wanted);
    if (n < wanted && (n == 0 || out != self.buffer)) self.starved = true;
    std::memcpy(out, self.rest.data(), n);
    self.rest = self.rest.subspan(n);
    return static_cast<int>(n);
  }
  static void skip(void* user, int n) {
    auto& self = *static_cast<Source*>(user);
    self.rest = self.rest.subspan(std::min(self.rest.size(), static_cast<std::size_t>(std::max(n, 0))));
  }
  static int at_end(void* user) { return static_cast<Source*>(user)->rest.empty() ? 1 : 0; }
};
constexpr stbi_io_callbacks callbacks{Source::read, Source::skip, Source::at_end};

void append(void* user, void* data, int size) {
  auto& out = *static_cast<std::vector<std::uint8_t>*>(user);
  const auto* begin = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), begin, begin + size);
}

}  // namespace

void check_pixel_count(const Pixels& pixels, const std::string& name, const ImageLimits& limits) {
  const bool any = pixels.width > 0 && pixels.height > 0;
  check<ImageError>(any && pixels.width <= limits.max_pixels / pixels.height, name, ": claims ", pixels.width, "x",
                    pixels.height, " pixels, from 1 to ", limits.max_pixels, " are accepted");
}

Pixels decode_pixels(std::span<const std::uint8_t> bytes, const std::string& name, const ImageLimits& limits) {
  check<ImageError>(!bytes.empty(), name, ": is empty");
  if (is_pnm(bytes)) return decode_pnm(bytes, name, limits);
  int width = 0;
  int height = 0;
  int channels = 0;
  Source source{bytes};
  const bool known = stbi_info_from_callbacks(&callbacks, &source, &width, &height, &channels) != 0;
  check<ImageError>(known, name,
                    ": is no PNG, JPEG, BMP, TGA or PNM image, or its header is damaged or claims too large a size");
  Pixels pixels;
  pixels.width = width;
  pixels.height = height;
  check_pixel_count(pixels, name, limits);
  source = {bytes};
  const bool wide = stbi_is_16_bit_from_callbacks(&callbacks, &source) != 0;
  source = {bytes};
  if (wide) {
    pixels.data.reset(stbi_load_16_from_callbacks(&callbacks, &source, &width, &height, &channels, 0));
    pixels.highest = 65535;
  } else {
    pixels.data.reset(stbi_load_from_callbacks(&callbacks, &source, &width, &height, &channels, 0));
  }
  check<ImageError>(!source.starved, name, ": ends before the image does; is it truncated?");
  check<ImageError>(pixels.data != nullptr, name, ": cannot be decoded: ", stbi_failure_reason());
  check<ImageError>(width == pixels.width && height == pixels.height, name, ": cannot be decoded: it has two sizes");
  pixels.channels = channels;
  pixels.jpeg = bytes.size() >= 2 && bytes[0] == 0xff && bytes[1] == 0xd8;
  return pixels;
}

std::vector<std::uint8_t> encode_pixels(ImageFormat format, std::span<const std::uint8_t> rgb, int width, int height) {
  std::vector<std::uint8_t> out;
  int ok = 1;
  switch (format) {
    case ImageFormat::png:
      ok = stbi_write_png_to_func(append, &out, width, height, 3, rgb.data(), width * 3);
      break;
    case ImageFormat::jpeg:
      ok = stbi_write_jpg_to_func(append, &out, width, height, 3, rgb.data(), 95);
      break;
    case ImageFormat::bmp:
      ok = stbi_write_bmp_to_func(append, &out, width, height, 3, rgb.data());
      break;
    case ImageFormat::ppm:
      return encode_ppm(rgb, width, height);
  }
  if (ok == 0) out.clear();
  return out;
}

}  // namespace g2face::io
