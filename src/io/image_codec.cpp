#include "io/image_codec.hpp"

#include <algorithm>
#include <string_view>

namespace g2face::io {

void check_pixel_count(const Pixels& pixels, const std::string& name, const ImageLimits& limits) {
  const bool any = pixels.width > 0 && pixels.height > 0;
  check<ImageError>(any && pixels.width <= limits.max_pixels / pixels.height, name, ": claims ", pixels.width, "x",
                    pixels.height, " pixels, from 1 to ", limits.max_pixels, " are accepted");
}

void allocate_pixels(Pixels& pixels, const std::string& name) {
  const auto samples = static_cast<std::size_t>(pixels.width * pixels.height * pixels.channels);
  pixels.data.reset(std::malloc(samples * (pixels.highest > 255 ? 2 : 1)));
  check<ImageError>(pixels.data != nullptr, name, ": no memory for ", pixels.width, "x", pixels.height, " pixels");
}

Pixels decode_pixels(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  check<ImageError>(!bytes.empty(), name, ": is empty");
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 8));
  if (start.starts_with("\x89PNG")) return decode_png(bytes, name, limits);
  if (start.starts_with("\xff\xd8")) return decode_jpeg(bytes, name, limits);
  if (start.starts_with("P5") || start.starts_with("P6")) return decode_pnm(bytes, name, limits);
  return decode_bmp_or_tga(bytes, name, limits);  // a TGA has no mark of its own
}

}  // namespace g2face::io
