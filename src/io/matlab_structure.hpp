#pragma once
// What a MATLAB v5 file consists of, found without matio.

#include <cstdint>
#include <span>
#include <string>

namespace g2face::io {

/// Throws CheckpointError, "FILE: what", unless the file is a v5 file of this byte order made of whole matrices, each
/// with flags, up to 32 dimensions and a name of up to 255 bytes, whose parts lie inside them; cells and structures
/// hold as many matrices as their dimensions say and are nested no more than 16 deep, also where they are compressed.
/// There are no objects. Of a compressed cell or structure at most 16 MiB are unpacked, of a compressed matrix of
/// numbers only its beginning.
void check_matlab_structure(const std::string& path, std::span<const std::uint8_t> bytes);

/// How many variables a file that was checked has.
std::size_t count_matlab_variables(std::span<const std::uint8_t> bytes);

}  // namespace g2face::io
