#include "cli/carriers.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "io/atomic_file.hpp"
#include "io/embedded.hpp"

namespace g2face::cli {

namespace {

namespace fs = std::filesystem;

enum class Format : std::uint8_t { png, jpeg, bmp, ppm, other };

Format format_of(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (extension == ".png") return Format::png;
  if (extension == ".jpg" || extension == ".jpeg") return Format::jpeg;
  if (extension == ".bmp") return Format::bmp;
  return extension == ".ppm" ? Format::ppm : Format::other;
}

std::string_view start_of(std::span<const std::uint8_t> file) {
  return {reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 8)};
}

Format format_of(std::span<const std::uint8_t> file) {
  const std::string_view start = start_of(file);
  if (start.starts_with("\x89PNG")) return Format::png;
  if (start.starts_with("\xff\xd8")) return Format::jpeg;
  if (start.starts_with("BM")) return Format::bmp;
  return start.starts_with("P6") ? Format::ppm : Format::other;
}

}  // namespace

void add_carrier_options(CLI::App& command, CarrierOptions& o) {
  command
      .add_option("--carrier", o.names,
                  "where recovery's data goes: pixels (the default), chunk (inside the PNG or JPEG file), file (beside "
                  "it, NAME.g2side); a list, or repeated")
      ->delimiter(',')
      ->check(CLI::IsMember({"pixels", "chunk", "file"}));
  command.add_flag("--exact", o.exact,
                   "keep the original's file too, encrypted, so that recovery gives it back bit for bit (in a chunk, "
                   "unless --carrier says file)");
}

std::vector<std::string> Carriers::names() const {
  std::vector<std::string> all;
  if (pixels) all.emplace_back("pixels");
  if (chunk) all.emplace_back("chunk");
  if (file) all.emplace_back("file");
  return all;
}

Carriers carriers_for(const CarrierOptions& o, const fs::path& output) {
  const auto names = [&o](const char* name) {
    return std::find(o.names.begin(), o.names.end(), name) != o.names.end();
  };
  Carriers carriers{.pixels = names("pixels"), .chunk = names("chunk"), .file = names("file")};
  if (o.names.empty() && !o.exact) carriers.pixels = true;
  const Format format = format_of(output);
  const bool has_place = format == Format::png || format == Format::jpeg;
  check<UsageError>(has_place || !carriers.chunk, "--carrier chunk: ", output.string(),
                    " will be no PNG or JPEG, and others have no place for it: give --carrier file");
  if (o.exact && !carriers.side()) (has_place ? carriers.chunk : carriers.file) = true;
  return carriers;
}

fs::path side_file_of(const fs::path& picture) { return picture.string() + ".g2side"; }

void write_with_side(const fs::path& picture, std::span<const std::uint8_t> file, std::span<const std::uint8_t> side,
                     const Carriers& carriers) {
  std::vector<std::uint8_t> with;
  if (carriers.chunk) with = io::with_embedded(file, side, picture.string());
  check<ImageError>(std::cmp_less_equal(std::max(with.size(), side.size()), ImageLimits{}.max_file_bytes),
                    picture.string(), ": with its side data it would be too large to be read again: leave --exact out");
  const fs::path beside = side_file_of(picture), aside = beside.string() + ".old";
  std::error_code none, ignored;
  if (carriers.file) fs::rename(beside, aside, none);  // of an earlier result, which a failure brings back
  try {
    if (carriers.file) write_bytes(beside, side);  // first, so that no picture is there without it
    write_bytes(picture, carriers.chunk ? std::span<const std::uint8_t>(with) : file);
  } catch (...) {
    if (carriers.file) fs::remove(beside, ignored);
    if (carriers.file && !none) fs::rename(aside, beside, ignored);
    throw;
  }
  if (carriers.file && !none) fs::remove(aside, ignored);
}

bool is_side_file(std::span<const std::uint8_t> file) { return start_of(file).starts_with("g2fside"); }

std::vector<SideData> find_side_data(const fs::path& picture, std::span<const std::uint8_t> file) {
  if (is_side_file(file)) return {{"file", picture, {file.begin(), file.end()}}};
  std::vector<SideData> all;
  auto inside = io::embedded(file, picture.string());
  if (!inside.empty()) all.push_back({"chunk", picture, std::move(inside)});
  const fs::path beside = side_file_of(picture);
  std::error_code ignored;
  if (fs::exists(beside, ignored)) {
    std::vector<std::uint8_t> bytes;
    try {
      bytes = read_picture(beside);
    } catch (const ImageError& e) {
      say(LogLevel::warning, e.what());  // counts as damaged: another carrier may still open
    }
    all.push_back({"file", beside, std::move(bytes)});
  }
  return all;
}

int for_each_file(const std::vector<std::string>& files, const std::function<void(const std::string&)>& work) {
  int code = exit_code::ok;
  for (const std::string& file : files) {
    try {
      work(file);
    } catch (const std::exception& e) {
      code = files.size() == 1 ? exit_code_of(e) : exit_code::some_failed;
      const bool names_it = dynamic_cast<const io::FileError*>(&e) != nullptr;
      report_error(message_of(e, names_it ? "" : file));
    }
  }
  return code;
}

bool same_format(std::span<const std::uint8_t> file, const fs::path& path) {
  const Format format = format_of(file);
  return format != Format::other && format == format_of(path);
}

}  // namespace g2face::cli
