#include <algorithm>
#include <cstring>

#include "io/image_codec.hpp"

// The implementations are private to this file, so that a program with its own copy of stb links.
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
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
  Bytes rest;
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

Pixels decode_bmp_or_tga(Bytes bytes, const std::string& name, const ImageLimits& limits) {
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
  pixels.data.reset(stbi_load_from_callbacks(&callbacks, &source, &width, &height, &channels, 0));
  check<ImageError>(!source.starved, name, ": ends before the image does; is it truncated?");
  check<ImageError>(pixels.data != nullptr, name, ": damaged BMP or TGA: ", stbi_failure_reason());
  check<ImageError>(width == pixels.width && height == pixels.height, name, ": damaged BMP or TGA: it has two sizes");
  pixels.channels = channels;
  return pixels;
}

std::vector<std::uint8_t> encode_bmp(const RgbImage& image, const std::string& name) {
  std::vector<std::uint8_t> out;
  const int ok = stbi_write_bmp_to_func(append, &out, image.width, image.height, 3, image.rgb.data());
  check<ImageError>(ok != 0, name, ": cannot write: BMP failed: write a smaller image");
  return out;
}

}  // namespace g2face::io
