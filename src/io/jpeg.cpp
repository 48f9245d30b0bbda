#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
// libjpeg's headers need the two above.
#include <jerror.h>
#include <jpeglib.h>

#include <array>

#include "io/exif.hpp"
#include "io/image_codec.hpp"

// libjpeg reports an error by calling back, and we jump to where setjmp was called. So every call of libjpeg happens in
// a function that has nothing to destroy; what needs destroying belongs to its caller.

namespace g2face::io {
namespace {

constexpr int max_scans = 500;  // a progressive file of many empty scans would take hours

struct Errors {
  jpeg_error_mgr base{};  // first, so that libjpeg's pointer to it is a pointer to this
  std::jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> text{};
};

extern "C" {
[[noreturn]] static void on_error(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  (*jpeg->err->format_message)(jpeg, errors->text.data());
  std::longjmp(errors->back, 1);
}
// Data that is missing or makes no sense is only a warning to libjpeg, which goes on with grey.
static void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE)) on_error(jpeg);
}
static void on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= max_scans) return;
  jpeg->err->msg_code = JERR_BAD_PROGRESSION;
  on_error(jpeg);
}
}

jpeg_error_mgr* prepare(Errors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = on_error;
  errors.base.emit_message = on_message;
  return &errors.base;
}

struct Reader {
  Reader() {
    jpeg.err = prepare(errors);
    progress.progress_monitor = on_progress;
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { jpeg_destroy_decompress(&jpeg); }

  Errors errors;
  jpeg_progress_mgr progress{};
  jpeg_decompress_struct jpeg{};
};

bool read_header(Reader& r, Bytes bytes) noexcept {
  if (setjmp(r.errors.back) != 0) return false;
  jpeg_create_decompress(&r.jpeg);
  r.jpeg.progress = &r.progress;
  jpeg_mem_src(&r.jpeg, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_save_markers(&r.jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&r.jpeg, TRUE);
  r.jpeg.out_color_space = r.jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  return true;
}

bool read_rows(Reader& r, JSAMPROW row) noexcept {
  if (setjmp(r.errors.back) != 0) return false;
  jpeg_start_decompress(&r.jpeg);
  const std::size_t row_bytes = std::size_t{r.jpeg.output_width} * static_cast<unsigned>(r.jpeg.output_components);
  while (r.jpeg.output_scanline < r.jpeg.output_height) {
    jpeg_read_scanlines(&r.jpeg, &row, 1);
    row += row_bytes;
  }
  jpeg_finish_decompress(&r.jpeg);
  return true;
}

struct Writer {
  Writer() { jpeg.err = prepare(errors); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    jpeg_destroy_compress(&jpeg);
    std::free(out);
  }

  Errors errors;
  jpeg_compress_struct jpeg{};
  unsigned char* out = nullptr;
  unsigned long size = 0;
};

bool write_all(Writer& w, const RgbImage& image, const JpegSettings& settings) noexcept {
  if (setjmp(w.errors.back) != 0) return false;
  jpeg_create_compress(&w.jpeg);
  jpeg_mem_dest(&w.jpeg, &w.out, &w.size);
  w.jpeg.image_width = static_cast<JDIMENSION>(image.width);
  w.jpeg.image_height = static_cast<JDIMENSION>(image.height);
  w.jpeg.input_components = 3;
  w.jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&w.jpeg);
  jpeg_set_quality(&w.jpeg, settings.quality, TRUE);
  w.jpeg.comp_info[0].h_samp_factor = settings.halve_colours ? 2 : 1;
  w.jpeg.comp_info[0].v_samp_factor = settings.halve_colours ? 2 : 1;
  jpeg_start_compress(&w.jpeg, TRUE);
  for (std::ptrdiff_t y = 0; y < image.height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(image.rgb.data()) + y * 3 * image.width;  // libjpeg only reads it
    jpeg_write_scanlines(&w.jpeg, &row, 1);
  }
  jpeg_finish_compress(&w.jpeg);
  return true;
}

int orientation_of(const Reader& reader) {
  for (const auto* marker = reader.jpeg.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->data_length >= 6 && std::memcmp(marker->data, "Exif\0\0", 6) == 0) {
      return exif_orientation({marker->data, marker->data_length});
    }
  }
  return 1;
}

}  // namespace

Pixels decode_jpeg(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  Reader reader;
  check<ImageError>(read_header(reader, bytes), name, ": damaged JPEG: ", reader.errors.text.data());
  const J_COLOR_SPACE space = reader.jpeg.jpeg_color_space;
  check<ImageError>(space == JCS_GRAYSCALE || space == JCS_YCbCr || space == JCS_RGB, name, ": JPEG of ",
                    reader.jpeg.num_components, " components: convert it to RGB or grey");
  Pixels pixels;
  pixels.width = reader.jpeg.image_width;
  pixels.height = reader.jpeg.image_height;
  pixels.channels = space == JCS_GRAYSCALE ? 1 : 3;
  pixels.orientation = orientation_of(reader);
  check_pixel_count(pixels, name, limits);
  allocate_pixels(pixels, name);
  const bool ok = read_rows(reader, static_cast<JSAMPROW>(pixels.data.get()));
  check<ImageError>(ok, name, ": damaged JPEG: ", reader.errors.text.data());
  return pixels;
}

std::vector<std::uint8_t> encode_jpeg(const RgbImage& image, const std::string& name, const JpegSettings& settings) {
  Writer writer;
  check<ImageError>(write_all(writer, image, settings), name, ": cannot write: JPEG: ", writer.errors.text.data(),
                    ": write a smaller image");
  return {writer.out, writer.out + writer.size};
}

std::vector<std::uint8_t> encode_jpeg(const RgbImage& image, const std::string& name) {
  return encode_jpeg(image, name, {});
}

}  // namespace g2face::io
