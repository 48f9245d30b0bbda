#pragma once
// Data of our own inside PNG and JPEG files, and what tells one picture from another whatever data it carries. Works on
// the bytes of files, so that all else in them stays as it is.

#include <array>
#include <string>
#include <vector>

#include "io/image_codec.hpp"

namespace g2face::io {

/// Whether it is a file of these formats, by its first bytes.
bool can_embed(Bytes file);

/// What with_embedded put there, parts in their order; empty if nothing is. Throws ImageError, "NAME: reason", for a
/// PNG or JPEG that is damaged; other files hold nothing.
std::vector<std::uint8_t> embedded(Bytes file, const std::string& name);

/// The same picture with `data` in place of what was embedded; with empty data without it. PNG: ancillary private
/// chunks gfSC before the end, which programs that change the pixels drop; JPEG: APP10 segments after those that have
/// to be first. Throws ImageError for other formats.
std::vector<std::uint8_t> with_embedded(Bytes file, Bytes data, const std::string& name);

/// BLAKE2b of what is seen: of a JPEG, all but its APP segments and comments; of other formats, the size and the pixels
/// as 8-bit RGB. Throws ImageError for what cannot be read.
std::array<std::uint8_t, 32> picture_digest(Bytes file, const std::string& name);

}  // namespace g2face::io
