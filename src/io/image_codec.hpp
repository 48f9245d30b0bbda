#pragma once
// The image formats, behind types of our own.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "g2face/image.hpp"

namespace g2face::io {

/// Interleaved rows: 1 or 2 channels (grey, alpha) or 3 or 4 (RGB, alpha); uint16_t samples if `highest` is above 255,
/// uint8_t otherwise.
struct Pixels {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> data;
  std::int64_t width = 0;
  std::int64_t height = 0;
  int channels = 0;
  int highest = 255;  // the sample that means full intensity
  bool jpeg = false;
};

/// Throws ImageError if there are no pixels or more than the limit.
void check_pixel_count(const Pixels& pixels, const std::string& name, const ImageLimits& limits);

/// Throws ImageError, "NAME: reason".
Pixels decode_pixels(std::span<const std::uint8_t> bytes, const std::string& name, const ImageLimits& limits);

enum class ImageFormat { png, jpeg, bmp, ppm };

/// A file of 8-bit interleaved RGB rows. Empty if there is no memory for it.
std::vector<std::uint8_t> encode_pixels(ImageFormat format, std::span<const std::uint8_t> rgb, int width, int height);

}  // namespace g2face::io
