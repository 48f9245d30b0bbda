#pragma once

#include <cstdint>
#include <span>

namespace g2face::io {

/// The EXIF orientation of a JPEG file, 1 to 8; 1 (upright) if it has none or one that makes no sense.
int jpeg_orientation(std::span<const std::uint8_t> jpeg);

}  // namespace g2face::io
