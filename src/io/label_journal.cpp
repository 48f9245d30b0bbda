#include "io/label_journal.hpp"

#include <nlohmann/json.hpp>
#include <vector>

#include "io/atomic_file.hpp"

namespace g2face::io {

namespace {

namespace fs = std::filesystem;

using Parts = std::vector<std::span<const std::byte>>;

LabelLine parse(std::string_view text, const fs::path& path, std::size_t number) {
  LabelLine line{.text = text};
  try {
    const auto json = nlohmann::json::parse(text);
    line.file = json.at("file").get<std::string>();
    line.seed = json.at("seed").get<std::uint64_t>();
    line.picture = json.at("picture").get<std::uint64_t>();
    line.person = json.at("person").get<std::uint64_t>();
    line.size = json.at("size").get<std::int64_t>();
  } catch (const nlohmann::json::exception&) {
    throw FileError(str(path.string(), ": line ", number, " is no label of a synthetic picture: start anew"));
  }
  return line;
}

}  // namespace

MappedFile read_labels(const fs::path& path, const std::function<void(const LabelLine&)>& use) {
  std::error_code none;
  const std::uintmax_t size = fs::file_size(path, none);
  if (none || size == 0) return {};
  MappedFile file = map_file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
  std::size_t number = 0;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string_view::npos; begin = end + 1)
    use(parse(text.substr(begin, end + 1 - begin), path, ++number));
  return file;
}

LabelJournal::LabelJournal(fs::path path, const std::map<std::uint64_t, std::string_view>& lines)
    : path_(std::move(path)) {
  Parts parts;
  for (const auto& [picture, line] : lines) {
    places_[picture] = {size_, line.size()};
    size_ += line.size();
    parts.push_back(std::as_bytes(std::span(line)));
  }
  write_atomically(path_, parts);
  out_.open(path_, std::ios::binary | std::ios::app);
  check<FileError>(out_.good(), path_.string(), ": cannot write: choose another folder");
}

void LabelJournal::append(std::uint64_t picture, std::string_view line) {
  out_.write(line.data(), static_cast<std::streamsize>(line.size())).flush();
  check<FileError>(out_.good(), path_.string(), ": cannot write: free space there, or raise the limit for file sizes");
  places_[picture] = {size_, line.size()};
  size_ += line.size();
}

void LabelJournal::finish(const fs::path& labels) {
  out_.close();
  const MappedFile file = map_file(path_);
  Parts parts;
  for (const auto& [picture, place] : places_)
    parts.push_back(std::as_bytes(file.bytes.subspan(place.offset, place.size)));
  write_atomically(labels, parts);
  std::error_code ignored;  // what is left over says nothing that the labels do not
  fs::remove(path_, ignored);
}

}  // namespace g2face::io
