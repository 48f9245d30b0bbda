#pragma once
// Which files are images.

#include <filesystem>
#include <string>
#include <vector>

namespace g2face::io {

/// By its extension: .png, .jpg, .jpeg, .bmp, .tga, .ppm, .pgm, .pnm, in either case.
bool is_image_name(const std::filesystem::path& path);

/// Names below `root`, with '/' between folders. What is missing shows when it is opened.
struct ImageList {
  std::filesystem::path root;
  std::vector<std::string> names;
};
/// The images of a folder and of all folders below it, sorted by the bytes of their names, so that the order is that of
/// the names alone. Links are followed, and each folder is entered once. Names that begin with a dot are left out.
/// Of a file, its lines: paths relative to where it stands, in its order; empty lines and those that begin with # are
/// left out. Throws ImageError, "PATH: what: what to do", if there is no image, or a folder or the list cannot be read.
ImageList list_images(const std::filesystem::path& path);

}  // namespace g2face::io
