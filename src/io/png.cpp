#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <utility>

#include "io/image_codec.hpp"

// libpng reports an error by jumping back to where setjmp was called. So every call of libpng happens in a function
// that has nothing to destroy; what needs destroying belongs to its caller.

namespace g2face::io {
namespace {

struct LastError {
  std::array<char, 100> text{};
};

extern "C" {
[[noreturn]] static void on_error(png_structp png, png_const_charp message) {
  auto& error = *static_cast<LastError*>(png_get_error_ptr(png));
  std::snprintf(error.text.data(), error.text.size(), "%s", message);
  png_longjmp(png, 1);
}
static void on_warning(png_structp, png_const_charp) {}
static void read_bytes(png_structp png, png_bytep out, std::size_t size) {
  auto& rest = *static_cast<Bytes*>(png_get_io_ptr(png));
  if (size > rest.size()) png_error(png, "the file ends early");
  std::memcpy(out, rest.data(), size);
  rest = rest.subspan(size);
}
static void write_bytes(png_structp png, png_bytep data, std::size_t size) {
  bool written = false;
  try {
    auto& out = *static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
    out.insert(out.end(), data, data + size);
    written = true;
  } catch (...) {
    written = false;  // png_error must not jump out of a handler
  }
  if (!written) png_error(png, "no memory");
}
static void flush_bytes(png_structp) {}
}

struct Reader {
  explicit Reader(Bytes bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &error, on_error, on_warning);
    if (png != nullptr) info = png_create_info_struct(png);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }

  Bytes rest;
  LastError error;
  png_structp png = nullptr;
  png_infop info = nullptr;
};

bool read_size(Reader& r, Pixels& pixels) noexcept {
  if (setjmp(png_jmpbuf(r.png)) != 0) return false;
  png_set_read_fn(r.png, &r.rest, read_bytes);
  png_set_chunk_malloc_max(r.png, 8'000'000);
  png_set_user_limits(r.png, 0x7fffffff, 0x7fffffff);  // our own limit is on the product
  png_read_info(r.png, r.info);
  pixels.width = png_get_image_width(r.png, r.info);
  pixels.height = png_get_image_height(r.png, r.info);
  return true;
}

// Sets up the transformations that leave 8- or 16-bit grey or RGB in this machine's byte order. libpng takes memory for
// rows here, so the size has to be checked before.
bool set_up_rows(Reader& r, Pixels& pixels) noexcept {
  if (setjmp(png_jmpbuf(r.png)) != 0) return false;
  png_set_palette_to_rgb(r.png);
  if (png_get_color_type(r.png, r.info) == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(r.png);
  png_set_strip_alpha(r.png);
  if (std::endian::native == std::endian::little && png_get_bit_depth(r.png, r.info) == 16) png_set_swap(r.png);
  png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  pixels.channels = png_get_channels(r.png, r.info);
  pixels.highest = png_get_bit_depth(r.png, r.info) == 16 ? 65535 : 255;
  return true;
}

bool read_rows(Reader& r, png_bytepp rows) noexcept {
  if (setjmp(png_jmpbuf(r.png)) != 0) return false;
  png_read_image(r.png, rows);
  png_read_end(r.png, nullptr);
  return true;
}

struct Writer {
  Writer() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &error, on_error, on_warning);
    if (png != nullptr) info = png_create_info_struct(png);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }

  std::vector<std::uint8_t> out;
  LastError error;
  png_structp png = nullptr;
  png_infop info = nullptr;
};

bool write_all(Writer& w, const RgbImage& image) noexcept {
  if (setjmp(png_jmpbuf(w.png)) != 0) return false;
  png_set_write_fn(w.png, &w.out, write_bytes, flush_bytes);
  png_set_user_limits(w.png, 0x7fffffff, 0x7fffffff);
  png_set_IHDR(w.png, w.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  // What filters leave of a photo are small numbers without repetitions: Huffman codes and runs alone make files as
  // small as searching for repetitions does, in a quarter of the time.
  png_set_compression_strategy(w.png, Z_RLE);
  png_write_info(w.png, w.info);
  for (std::ptrdiff_t y = 0; y < image.height; ++y) png_write_row(w.png, image.rgb.data() + y * 3 * image.width);
  png_write_end(w.png, w.info);
  return true;
}

}  // namespace

Pixels decode_png(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  Reader reader(bytes);
  check<ImageError>(reader.info != nullptr, name, ": no memory to decode it");
  Pixels pixels;
  check<ImageError>(read_size(reader, pixels), name, ": damaged PNG: ", reader.error.text.data());
  check_pixel_count(pixels, name, limits);
  check<ImageError>(set_up_rows(reader, pixels), name, ": damaged PNG: ", reader.error.text.data());
  // Deflate shrinks at most 1032 times: a short file cannot make us allocate for a huge picture.
  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  const auto height = static_cast<std::size_t>(pixels.height);
  const std::size_t stored_row = std::max<std::size_t>(row_bytes / 24, 1);  // one bit a sample may have become 24
  check<ImageError>(height <= bytes.size() * 1040 / stored_row, name, ": claims ", pixels.width, "x", pixels.height,
                    " pixels, more than ", bytes.size(), " bytes can hold");
  allocate_pixels(pixels, name);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = static_cast<png_bytep>(pixels.data.get()) + y * row_bytes;
  check<ImageError>(read_rows(reader, rows.data()), name, ": damaged PNG: ", reader.error.text.data());
  return pixels;
}

std::vector<std::uint8_t> encode_png(const RgbImage& image, const std::string& name) {
  Writer writer;
  const bool ok = writer.info != nullptr && write_all(writer, image);
  check<ImageError>(ok, name, ": cannot write: PNG: ", writer.error.text.data(), ": write a smaller image");
  return std::move(writer.out);
}

}  // namespace g2face::io
