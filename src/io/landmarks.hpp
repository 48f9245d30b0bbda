#pragma once
// What is known of a face, in files of JSON: landmarks and coefficients.

#include <array>
#include <filesystem>
#include <vector>

namespace g2face::io {

// Files of at most 1 MB. These throw FileError, "PATH: what: what to do", for a file that cannot be read and for
// anything but such a list of finite numbers.

/// [[x, y], ...] in pixels, at most 10,000 points.
std::vector<std::array<double, 2>> read_landmarks(const std::filesystem::path& path);
/// [c, ...], or [[c, ...]], as a list of faces with one in it; at most 10,000 numbers.
std::vector<double> read_coefficients(const std::filesystem::path& path);

}  // namespace g2face::io
