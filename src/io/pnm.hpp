#pragma once

#include "io/image_codec.hpp"

namespace g2face::io {

/// Whether the bytes begin as a binary PGM or PPM does.
bool is_pnm(std::span<const std::uint8_t> bytes);

/// Reads a binary PGM or PPM with any maximum up to 65535. (stb reads samples of 16 bit in the wrong byte order and
/// ignores the maximum.) Throws ImageError, "NAME: reason".
Pixels decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name, const ImageLimits& limits);

std::vector<std::uint8_t> encode_ppm(std::span<const std::uint8_t> rgb, int width, int height);

}  // namespace g2face::io
