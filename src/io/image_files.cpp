#include "io/image_files.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <set>
#include <string_view>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"

namespace g2face::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t max_list_bytes = 1'000'000'000;

class Walk {
 public:
  explicit Walk(fs::path root) : root_(std::move(root)) {}

  void enter(const std::string& below) {
    const fs::path folder = root_ / below;
    std::error_code error;
    const fs::path canonical = fs::canonical(folder, error);
    fs::directory_iterator entry(folder, error);
    if (!error && !entered_.insert(canonical).second) return;
    std::vector<std::string> children;
    while (!error && entry != fs::directory_iterator()) {
      children.push_back(entry->path().filename().string());
      entry.increment(error);
    }
    check<ImageError>(!error, folder.string(), ": cannot read the folder: ", error.message(),
                      ": make it and the folders below it readable");
    std::sort(children.begin(), children.end());  // which of two links to a folder is followed
    for (const std::string& child : children) {
      if (child.starts_with('.')) continue;
      std::string name = below.empty() ? child : str(below, "/", child);
      std::error_code dangling;
      if (fs::is_directory(root_ / name, dangling)) {
        enter(name);
      } else if (is_image_name(child)) {
        names.push_back(std::move(name));
      }
    }
  }

  std::vector<std::string> names;

 private:
  fs::path root_;
  std::set<fs::path> entered_;
};

std::vector<std::string> lines_of(const fs::path& list) {
  std::vector<std::uint8_t> bytes;
  try {
    bytes = read_file(list, max_list_bytes);
  } catch (const FileError& error) {
    throw ImageError(str(error.what(), ": give a folder of images or a list of them"));
  }
  std::vector<std::string> lines;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view whole = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), whole.size() + 1));
    const std::string_view line = whole.substr(0, whole.find_last_not_of("\r \t") + 1);
    check<ImageError>(line.find('\0') == std::string_view::npos, list.string(), ": line ", number,
                      " is no name of a file: give a folder of images or a list of them");
    if (!line.empty() && !line.starts_with('#')) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

bool is_image_name(const fs::path& path) {
  constexpr std::array<std::string_view, 8> known = {".png", ".jpg", ".jpeg", ".bmp", ".tga", ".ppm", ".pgm", ".pnm"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(known.begin(), known.end(), extension) != known.end();
}

ImageList list_images(const fs::path& path) {
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error);
  ImageList list;
  if (is_folder) {
    Walk walk(path);
    walk.enter("");
    std::sort(walk.names.begin(), walk.names.end());
    list = {path, std::move(walk.names)};
  } else {
    list = {path.parent_path(), lines_of(path)};
  }
  check<ImageError>(!list.names.empty(), path.string(), is_folder ? ": no images in it or below" : ": names no images",
                    ": give a folder of images (PNG or JPEG) or a list of them");
  return list;
}

}  // namespace g2face::io
