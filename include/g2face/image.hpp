#pragma once
// Image files in and out. An image in memory is f32 [1,3,H,W], RGB, -1..1 (value / 127.5 - 1).

#include <cstdint>
#include <span>
#include <string>

#include "g2face/tensor.hpp"

namespace g2face {

/// Limits against hostile files; a file that claims more is refused before anything is allocated.
struct ImageLimits {
  std::int64_t max_pixels = 100'000'000;
  std::int64_t max_file_bytes = 512'000'000;
};

/// Reads PNG, JPEG, BMP, TGA or PNM.
/// R1: 8- and 16-bit files are accepted; 16-bit values keep their precision.  R2: grey is repeated over the channels.
/// R3: alpha is dropped; a colour stays what the file says it is under full transparency too.  R4: the EXIF orientation
/// of a JPEG is applied.  R5: a file that ends early is refused.  Throws ImageError naming the file and the reason.
Tensor load_image(const std::string& path, const ImageLimits& limits = {});
/// The same from memory; `name` stands in for the file in messages.
Tensor decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const ImageLimits& limits = {});

/// Writes `image` [1,3,H,W] as 8-bit RGB: clamp to -1..1, then round(127.5 * (x + 1)). The extension chooses PNG, JPEG
/// (quality 95), BMP or PPM. Writes a temporary file beside `path`, flushes, renames. Throws ImageError, "PATH: what:
/// what to do", leaving nothing behind; NaN is refused.
void save_image(const std::string& path, const Tensor& image);

/// A part of an image, in pixels.
struct CropBox {
  std::int64_t left = 0, top = 0, width = 0, height = 0;
};
/// How values between pixels are made; both filters widen when shrinking, so that every pixel counts. Bilinear is the
/// triangle, bicubic the cubic convolution with a = -0.5 (Keys 1981, Catmull-Rom).
enum class ResizeFilter : std::uint8_t { bilinear, bicubic };
/// Cuts `box` out of `image` [1,3,H,W], rounds to 8 bit as save_image does and resizes to [1,3,out_height,out_width] as
/// Pillow does: rows first, rounded to 8 bit after each of the two passes. Nothing outside the box is looked at.
/// Bit-exact with Pillow 9.4, which prepared the reference's inputs.
/// Throws ShapeError for another shape or dtype, for a box that is empty or leaves the image, for an empty output.
Tensor crop_resize(const Tensor& image, const CropBox& box, std::int64_t out_height, std::int64_t out_width,
                   ResizeFilter filter = ResizeFilter::bilinear);

}  // namespace g2face
