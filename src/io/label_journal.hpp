#pragma once
// Labels of a set of pictures while it is drawn: a line is on disk as soon as its picture is.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "io/input_file.hpp"

namespace g2face::io {

/// A line of labels, with its end, and what it says it belongs to.
struct LabelLine {
  std::string_view text;
  std::string file = {};
  std::uint64_t seed = 0, picture = 0, person = 0;
  std::int64_t size = 0;
};

/// Hands each line of a file to `use`, in order; a last line without an end was not written to its end and is left out.
/// Nothing happens if there is no file, or an empty one. The views last as long as the result. Throws FileError, "PATH:
/// line N ...", if a line is no label.
MappedFile read_labels(const std::filesystem::path& path, const std::function<void(const LabelLine&)>& use);

/// Lines in the order in which they come, and then a file with them in the order of their pictures.
class LabelJournal {
 public:
  /// Starts the file anew, with these lines in it. Throws FileError.
  LabelJournal(std::filesystem::path path, const std::map<std::uint64_t, std::string_view>& lines);

  bool has(std::uint64_t picture) const { return places_.contains(picture); }
  /// A second line of a picture takes the place of the first. Throws FileError.
  void append(std::uint64_t picture, std::string_view line);
  /// Writes the lines to `labels` and removes this file. Throws FileError.
  void finish(const std::filesystem::path& labels);

 private:
  struct Place {
    std::size_t offset = 0, size = 0;
  };
  std::filesystem::path path_;
  std::ofstream out_;
  std::size_t size_ = 0;
  std::map<std::uint64_t, Place> places_;
};

}  // namespace g2face::io
