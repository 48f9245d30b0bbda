#pragma once
// Where what recovery needs is carried: in the pixels, inside the picture's file, in a file beside it.

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "g2face/payload/side.hpp"

namespace CLI {
class App;
}

namespace g2face::cli {

struct CarrierOptions {
  std::vector<std::string> names;  // none: by what else is asked for
  bool exact = false;
};
void add_carrier_options(CLI::App& command, CarrierOptions& options);

struct Carriers {
  bool pixels = false, chunk = false, file = false;
  bool side() const { return chunk || file; }
  std::vector<std::string> names() const;
};
/// Of a picture that is written as `output`. Throws UsageError for a format that has no place for a chunk.
Carriers carriers_for(const CarrierOptions& options, const std::filesystem::path& output);

std::filesystem::path side_file_of(const std::filesystem::path& picture);

/// Writes a picture's file, which has to have the bytes `file`, with side data in its carriers. If it fails, nothing
/// new is there.
void write_with_side(const std::filesystem::path& picture, std::span<const std::uint8_t> file,
                     std::span<const std::uint8_t> side, const Carriers& carriers);

struct SideData {
  std::string carrier;         // chunk or file
  std::filesystem::path path;  // of the file that it is in
  std::vector<std::uint8_t> bytes;
};
bool is_side_file(std::span<const std::uint8_t> file);
/// What a picture's file of these bytes carries, and what lies beside it; or a side file itself.
std::vector<SideData> find_side_data(const std::filesystem::path& picture, std::span<const std::uint8_t> file);

/// Runs `work` for each file, reports failures and goes on. Returns the exit code, as for_each_item.
int for_each_file(const std::vector<std::string>& files, const std::function<void(const std::string&)>& work);

/// Whether a picture that was read from these bytes can be written as `path` by copying them.
bool same_format(std::span<const std::uint8_t> file, const std::filesystem::path& path);

}  // namespace g2face::cli
