#pragma once
// Image files in and out. An image in memory is f32 [1,3,H,W], RGB, -1..1 (value / 127.5 - 1).

#include <cstdint>
#include <filesystem>
#include <span>

#include "g2face/tensor.hpp"

namespace g2face {

/// Limits against hostile files; a file that claims more is refused before anything is allocated.
struct ImageLimits {
  std::int64_t max_pixels = 100'000'000;
  std::int64_t max_file_bytes = 512'000'000;
};

/// Reads PNG, JPEG, BMP, TGA or PNM. Grey is repeated over RGB, alpha is composited over black... see rules:
/// R1 8- and 16-bit files are accepted, 16-bit values keep their precision.  R2 grey is repeated over three channels.
/// R3 an alpha channel is dropped (colour is not premultiplied).  R4 the EXIF orientation of a JPEG is applied.
/// Throws ImageError naming the file and the reason.
Tensor load_image(const std::filesystem::path& path, const ImageLimits& limits = {});
/// The same from memory; `name` stands in for the file in messages.
Tensor decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const ImageLimits& limits = {});

/// Writes 8-bit RGB: clamp to -1..1, then round(127.5 * (x + 1)). The extension chooses PNG, JPEG (quality 95), BMP or
/// PPM. Writes a temporary file beside `path`, flushes, renames. Throws ImageError, leaving nothing behind.
void save_image(const std::filesystem::path& path, const Tensor& image);

/// Pillow's bilinear resize of 8-bit pixels: a triangle filter that widens when shrinking, rounded to 8 bit after each
/// of its two passes. `image` is [1,3,H,W] in -1..1; box is cut first. Used for preparing inputs as the reference does.
struct CropBox {
  std::int64_t left = 0, top = 0, width = 0, height = 0;
};
Tensor crop_resize(const Tensor& image, const CropBox& box, std::int64_t out_height, std::int64_t out_width);

}  // namespace g2face
