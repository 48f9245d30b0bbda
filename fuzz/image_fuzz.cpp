// Whatever the bytes are, decoding them gives an image of values in -1..1, or an ImageError of one line.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "g2face/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const g2face::Tensor image = g2face::decode_image({data, size}, "fuzz", {.max_pixels = 1 << 16});
    for (const float value : image.as<float>()) {
      if (!(value >= -1.0F && value <= 1.0F)) std::abort();
    }
  } catch (const g2face::ImageError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
