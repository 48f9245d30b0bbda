#pragma once
// The image formats, behind types of our own: PNG by libpng, JPEG by libjpeg, BMP and TGA by stb.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "g2face/image.hpp"

namespace g2face::io {

using Bytes = std::span<const std::uint8_t>;

/// Interleaved rows: 1 or 2 channels (grey, alpha) or 3 or 4 (RGB, alpha); uint16_t samples if `highest` is above 255,
/// uint8_t otherwise.
struct Pixels {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> data;
  std::int64_t width = 0;
  std::int64_t height = 0;
  int channels = 3;
  int highest = 255;    // the sample that means full intensity
  int orientation = 1;  // of EXIF, 1 to 8
};

/// Throws ImageError if there are no pixels or more than the limit.
void check_pixel_count(const Pixels& pixels, const std::string& name, const ImageLimits& limits);
/// Makes room for width * height * channels samples, once these are set and checked. Throws ImageError.
void allocate_pixels(Pixels& pixels, const std::string& name);

/// All readers throw ImageError, "NAME: reason", and refuse a file that ends early. The first tells the formats apart.
Pixels decode_pixels(Bytes bytes, const std::string& name, const ImageLimits& limits);
Pixels decode_png(Bytes bytes, const std::string& name, const ImageLimits& limits);
Pixels decode_jpeg(Bytes bytes, const std::string& name, const ImageLimits& limits);
Pixels decode_bmp_or_tga(Bytes bytes, const std::string& name, const ImageLimits& limits);
/// Binary PGM or PPM with any maximum up to 65535.
Pixels decode_pnm(Bytes bytes, const std::string& name, const ImageLimits& limits);

/// Files of 8-bit interleaved RGB rows; `name` is for messages of ImageError.
struct RgbImage {
  Bytes rgb;
  int width = 0;
  int height = 0;
};
std::vector<std::uint8_t> encode_png(const RgbImage& image, const std::string& name);
struct JpegSettings {
  int quality = 95;            // 1..100
  bool halve_colours = false;  // 4:2:0
};
std::vector<std::uint8_t> encode_jpeg(const RgbImage& image, const std::string& name, const JpegSettings& settings);
std::vector<std::uint8_t> encode_jpeg(const RgbImage& image, const std::string& name);  // JpegSettings()
std::vector<std::uint8_t> encode_bmp(const RgbImage& image, const std::string& name);
std::vector<std::uint8_t> encode_ppm(const RgbImage& image, const std::string& name);

/// The file that save_image would write as `path`.
std::vector<std::uint8_t> encode_image(const Tensor& image, const std::string& path);

}  // namespace g2face::io
