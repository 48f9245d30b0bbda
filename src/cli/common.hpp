#pragma once
// What the commands share: options, exit codes, finding inputs, naming outputs.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/log.hpp"
#include "cli/secrets.hpp"
#include "g2face/anonymizer.hpp"

namespace g2face::cli {

namespace exit_code {
constexpr int ok = 0, some_failed = 1, usage = 2, bad_input = 3, not_authentic = 4, bad_model = 5, device = 6,
              interrupted = 130;
}

/// Seeds of the library are below this.
constexpr std::uint64_t seed_limit = std::uint64_t{1} << 53;

/// A wrong option or combination of options.
struct UsageError : Error {
  using Error::Error;
};

struct CommonOptions {
  std::string device = "auto";
  std::string precision = "auto";
  int threads = 0;
  bool deterministic = false;
  bool tune = false;
  bool json = false;
  bool print_plan = false;
};
void add_common_options(CLI::App& command, CommonOptions& options);
/// Checks the options and says once, on stderr, which device was chosen and why.
AnonymizerOptions resolve(const CommonOptions& options);

/// --model, or the environment's G2FACE_MODEL, or nothing.
std::optional<std::filesystem::path> named_model(const std::string& option);
/// The same; throws UsageError if neither is given.
std::filesystem::path model_path(const std::string& option);

/// The exit code of an exception that left a command.
int exit_code_of(const std::exception& error);
/// Its line for the user. `input` is what was being worked on, for failures that do not name a file themselves.
std::string message_of(const std::exception& error, const std::string& input = "");

/// An input file and where its result goes.
struct Item {
  std::filesystem::path input, output;
};
struct ItemOptions {
  bool recursive = false;
  bool in_place = false;    // allow the result to replace the input
  bool reads_only = false;  // there will be no results
};
/// Files, and the images in folders; for one file `output` is a file (or an existing folder), for more it is a folder
/// that mirrors the tree, with names ending in .png. Throws UsageError if two results would have one name, or a
/// result would replace an input.
std::vector<Item> find_items(const std::vector<std::string>& inputs, const std::filesystem::path& output,
                             const ItemOptions& options);

/// What `anonymize` and `recover` have in common.
struct FaceOptions {
  CommonOptions common;
  std::vector<std::string> inputs;
  std::string output, model, payload = "sealed";
  SecretOptions secret;
  bool aligned = false;
  bool sealed() const { return payload == "sealed"; }
  ItemOptions items;
};
void add_face_options(CLI::App& command, FaceOptions& options);

/// Throws UsageError if writing `output` would replace one of the inputs.
void require_new_file(const std::filesystem::path& output, const std::vector<std::string>& inputs);

/// Makes the folder that `file` lies in. Throws ImageError.
void make_folder_of(const std::filesystem::path& file);

/// save_image, and the folder for it.
void write_picture(const std::filesystem::path& path, const Tensor& image);
/// The same of a file's bytes.
void write_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

enum class ItemResult : std::uint8_t { done, done_before };
/// Runs `work` for each item, reports failures and goes on. Returns the exit code: 0, or 1 if some of several failed,
/// or the code of the failure of a single item. A FileError ends the run: it is of a file that all items need.
int for_each_item(const std::vector<Item>& items, const std::function<ItemResult(const Item&)>& work);

/// The bytes of a picture's file. These throw ImageError with advice.
std::vector<std::uint8_t> read_picture(const std::filesystem::path& path);
Tensor decode_picture(std::span<const std::uint8_t> bytes, const std::filesystem::path& path);
/// A square picture, resized to `size` pixels if that is not 0. Throws UsageError for one that is not square.
Tensor load_square(const std::filesystem::path& path, std::int64_t size);
/// `picture` as an aligned face crop for the model: it must be square, and is resized to the model's resolution.
/// Throws ImageError naming `path`.
Tensor face_of(const Tensor& picture, const std::filesystem::path& path, const ModelConfig& config);
/// All of that.
Tensor load_face(const std::filesystem::path& path, const ModelConfig& config);

/// Each command adds itself to the program and sets `code` when it has run.
void add_anonymize(CLI::App& app, int& code);
void add_recover(CLI::App& app, int& code);
void add_keygen(CLI::App& app, int& code);
void add_info(CLI::App& app, int& code);
void add_rekey(CLI::App& app, int& code);
void add_attack(CLI::App& app, int& code);
void add_crop(CLI::App& app, int& code);
void add_model(CLI::App& app, int& code);
void add_fit(CLI::App& app, int& code);
void add_render(CLI::App& app, int& code);
void add_verify(CLI::App& app, int& code);
void add_doctor(CLI::App& app, int& code);
void add_synth(CLI::App& app, int& code);
void add_train(CLI::App& app, int& code);

}  // namespace g2face::cli
