#pragma once

#include <cstdint>
#include <span>

namespace g2face::io {

/// The orientation in an EXIF block that starts with "Exif", 1 to 8; 1 (upright) if it has none or it makes no sense.
int exif_orientation(std::span<const std::uint8_t> block);

}  // namespace g2face::io
