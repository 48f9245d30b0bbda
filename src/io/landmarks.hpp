#pragma once
// Landmarks of a face in a file of JSON: [[x, y], ...], in pixels.

#include <array>
#include <filesystem>
#include <vector>

namespace g2face::io {

/// At most 1 MB, 10,000 points. Throws FileError, "PATH: what: what to do", for a file that cannot be read and for
/// anything but a list of pairs of finite numbers.
std::vector<std::array<double, 2>> read_landmarks(const std::filesystem::path& path);

}  // namespace g2face::io
