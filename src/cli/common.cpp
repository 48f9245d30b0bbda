#include "cli/common.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <map>

#include "backend.hpp"
#include "g2face/image.hpp"
#include "g2face/mesh.hpp"
#include "g2face/tuning.hpp"
#include "io/atomic_file.hpp"
#include "io/config_fields.hpp"
#include "io/image_files.hpp"
#include "io/input_file.hpp"

namespace g2face::cli {

namespace fs = std::filesystem;

void add_common_options(CLI::App& command, CommonOptions& o) {
  command.add_option("--device", o.device, "auto, cpu, cuda[:N] or reference (slow, exact)")
      ->envname("G2FACE_DEVICE")
      ->capture_default_str();
  command
      .add_option("--precision", o.precision,
                  "auto (f32, on CUDA tf32), f32, strict (f32 by plain algorithms only), bf16 (on a CPU without "
                  "AVX512-BF16 as f32); on CUDA also tf32, f16")
      ->capture_default_str();
  command.add_option("--threads", o.threads, "CPU threads; 0 = all")->check(CLI::Range(0, 1024));
  command.add_flag("--deterministic", o.deterministic, "same bits on every run (always so)");
  command.add_flag("--tune", o.tune,
                   "CUDA: time the kernels that can do a step, and remember the fastest for the next run");
  command.add_flag("--json", o.json, "results on standard output as JSON, one object for each input");
  command.add_flag("--print-plan", o.print_plan, "show what ran, with times, on standard error");
  add_log_options(command);
}

namespace {

/// Users say f32 where plans say fast.
Precision precision_on(const Device& device, const std::string& text) {
  if (text == "auto") return device.kind == Device::Kind::cuda ? Precision::tf32 : Precision::fast;
  if (text == "f32") return Precision::fast;
  for (const Precision p : {Precision::strict, Precision::bf16, Precision::tf32, Precision::f16}) {
    if (text == name_of(p) && offers(device, p)) return p;
  }
  throw UsageError(str("--precision ", text, ": ", device, " offers f32, strict",
                       offers(device, Precision::tf32) ? ", bf16, tf32 and f16" : " and bf16"));
}

bool cpu_has_bf16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

std::string reason_for(const Device& device, const std::string& asked) {
  if (asked != "auto") return "as asked for";
  const CudaReport cuda = cuda_report();
  if (device.kind == Device::Kind::cuda) return cuda.gpus.at(static_cast<std::size_t>(device.index)).name;
  return cuda.in_build ? "no GPU can be used here: see 'g2face doctor'" : "this build has no CUDA";
}

}  // namespace

AnonymizerOptions resolve(const CommonOptions& o) {
  AnonymizerOptions result;
  result.device = Device::parse(o.device);
  result.precision = precision_on(result.device, o.precision);
  result.threads = o.threads;
  const bool f32 = result.precision == Precision::fast;
  say(LogLevel::info, str("device ", result.device, " (", reason_for(result.device, o.device), "), precision ",
                          f32 ? "f32" : name_of(result.precision)));
  if (result.device.kind == Device::Kind::cpu && result.precision == Precision::bf16 && !cpu_has_bf16())
    say(LogLevel::warning, "--precision bf16: this CPU has no AVX512-BF16, so it computes in f32");
  if (o.tune && result.device.kind == Device::Kind::cuda) {
    const auto warn = [](const std::string& line) { say(LogLevel::warning, line); };
    result.tuning = std::make_shared<Tuning>(Tuning::default_file(), Tuning::machine(result.device), warn);
  } else if (o.tune) {
    say(LogLevel::warning, str("--tune: has no effect on ", result.device, ": only plans for CUDA are tuned"));
  }
  return result;
}

std::optional<fs::path> named_model(const std::string& option) {
  if (!option.empty()) return option;
  const char* from_environment = std::getenv("G2FACE_MODEL");
  const bool is_set = from_environment != nullptr && *from_environment != '\0';
  return is_set ? std::optional<fs::path>(from_environment) : std::nullopt;
}

fs::path model_path(const std::string& option) {
  if (auto named = named_model(option)) return std::move(*named);
  throw UsageError("no model: give --model FILE or set G2FACE_MODEL ('g2face model init' makes one)");
}

int exit_code_of(const std::exception& error) {
  if (dynamic_cast<const UsageError*>(&error) != nullptr) return exit_code::usage;
  if (dynamic_cast<const io::ConfigError*>(&error) != nullptr) return exit_code::usage;
  if (dynamic_cast<const payload::CapacityError*>(&error) != nullptr) return exit_code::usage;
  if (dynamic_cast<const payload::NotAuthentic*>(&error) != nullptr) return exit_code::not_authentic;
  if (dynamic_cast<const ImageError*>(&error) != nullptr) return exit_code::bad_input;
  if (dynamic_cast<const MeshError*>(&error) != nullptr) return exit_code::bad_input;
  if (dynamic_cast<const io::FileError*>(&error) != nullptr) return exit_code::bad_input;
  if (dynamic_cast<const CheckpointError*>(&error) != nullptr) return exit_code::bad_model;
  if (dynamic_cast<const DeviceError*>(&error) != nullptr || dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return exit_code::device;
  }
  return exit_code::some_failed;
}

std::string message_of(const std::exception& error, const std::string& input) {
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  const std::string what = no_memory ? "memory ran out: close other programs or take a smaller model" : error.what();
  const bool names_a_file = dynamic_cast<const ImageError*>(&error) != nullptr;
  return input.empty() || names_a_file ? what : str(input, ": ", what);
}

namespace {

template <class Iterator>
std::vector<fs::path> images_below(const fs::path& folder) {
  std::vector<fs::path> files;
  try {
    for (const fs::directory_entry& entry : Iterator(folder)) {
      if (entry.is_regular_file() && io::is_image_name(entry.path())) files.push_back(entry.path());
    }
  } catch (const fs::filesystem_error& e) {
    throw ImageError(str(e.path1().string(), ": cannot read the folder: ", e.code().message(),
                         ": make it and the folders below it readable"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Whether `path` lies in `folder` or below; neither has to exist.
bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code ignored;
  const fs::path way = fs::weakly_canonical(path, ignored).lexically_relative(fs::weakly_canonical(folder, ignored));
  return !way.empty() && *way.begin() != "..";
}

}  // namespace

std::vector<Item> find_items(const std::vector<std::string>& inputs, const fs::path& output,
                             const ItemOptions& options) {
  std::error_code ignored;
  std::vector<Item> items;
  const bool one_file = inputs.size() == 1 && !fs::is_directory(inputs[0], ignored);
  if (one_file && !fs::is_directory(output, ignored)) {
    items.push_back({inputs[0], output});
  } else {
    for (const std::string& in : inputs) {
      const fs::path path(in);
      if (!fs::is_directory(path, ignored)) {
        items.push_back({path, output / path.filename().replace_extension(".png")});
        continue;
      }
      check<UsageError>(
          options.reads_only || !options.recursive || fs::equivalent(path, output, ignored) || !lies_in(output, path),
          in, ": the results in ", output.string(), " would be inputs of the next run: give another -o");
      const auto files = options.recursive ? images_below<fs::recursive_directory_iterator>(path)
                                           : images_below<fs::directory_iterator>(path);
      for (const fs::path& file : files) {
        items.push_back({file, output / fs::relative(file, path).replace_extension(".png")});
      }
    }
  }
  check<UsageError>(!items.empty(), "no images found: give image files, or folders (--recursive looks below them)");
  if (options.reads_only) return items;
  std::map<fs::path, fs::path> by_output;
  for (const Item& item : items) {
    const auto [it, is_new] = by_output.emplace(item.output.lexically_normal(), item.input);
    check<UsageError>(is_new, item.output.string(), ": both ", it->second.string(), " and ", item.input.string(),
                      " would be written there: rename one, or run them apart");
    check<UsageError>(options.in_place || !fs::equivalent(item.input, item.output, ignored), item.input.string(),
                      ": the result would replace the original: give another -o, or --in-place");
  }
  return items;
}

void add_face_options(CLI::App& command, FaceOptions& o) {
  command.add_option("inputs", o.inputs, "images or folders")->required();
  command.add_option("-o,--output", o.output, "a file, or a folder that mirrors the inputs")->required();
  command.add_option("--model", o.model, "model file (or environment G2FACE_MODEL)");
  command.add_flag("--aligned", o.aligned, "inputs are aligned face crops, as in CelebA-HQ and FFHQ");
  command
      .add_option("--payload", o.payload,
                  "sealed (only the holder of the secret can recover), or paper (the identity's bits in clear, as the "
                  "published method: whoever has the model can)")
      ->check(CLI::IsMember({"sealed", "paper"}))
      ->capture_default_str();
  add_secret_options(command, o.secret);
  command.add_flag("--recursive", o.items.recursive, "look into folders below folders");
  command.add_flag("--in-place", o.items.in_place, "allow results to replace inputs");
  add_common_options(command, o.common);
}

void require_new_file(const fs::path& output, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    std::error_code ignored;
    check<UsageError>(!fs::equivalent(input, output, ignored), output.string(),
                      ": is an input and would be replaced: choose another name");
  }
}

void make_folder_of(const fs::path& file) {
  if (!file.has_parent_path()) return;
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  check<ImageError>(!error, file.parent_path().string(), ": cannot make the folder: ", error.message(),
                    ": choose another place");
}

void write_picture(const fs::path& path, const Tensor& image) {
  make_folder_of(path);
  save_image(path.string(), image);
}

void write_bytes(const fs::path& path, std::span<const std::uint8_t> bytes) {
  make_folder_of(path);
  const std::array parts{std::as_bytes(bytes)};
  io::write_file<ImageError>(path, parts);
}

int for_each_item(const std::vector<Item>& items, const std::function<ItemResult(const Item&)>& work) {
  Progress progress(items.size());
  std::size_t failed = 0, done_before = 0;
  int last_code = exit_code::ok;
  for (const Item& item : items) {
    try {
      if (work(item) == ItemResult::done) {
        progress.done(str(item.input.string(), " -> ", item.output.string()));
      } else {
        ++done_before;
        progress.passed_over();
        say(LogLevel::debug, str(item.input.string(), ": was done before"));
      }
    } catch (const io::FileError&) {
      throw;
    } catch (const std::exception& e) {
      ++failed;
      last_code = exit_code_of(e);
      progress.passed_over();
      report_error(message_of(e, item.input.string()));
    }
  }
  if (done_before > 0) say(LogLevel::info, str(done_before, " of ", items.size(), " were done before"));
  if (items.size() == 1) return last_code;
  if (failed > 0) report_error(str(failed, " of ", items.size(), " inputs failed; the others are done"));
  return failed > 0 ? exit_code::some_failed : exit_code::ok;
}

namespace {

[[noreturn]] void refuse_picture(const std::exception& why) {
  throw ImageError(str(why.what(), ": give a picture that is whole (PNG, JPEG, BMP, TGA or PNM)"));
}

}  // namespace

std::vector<std::uint8_t> read_picture(const fs::path& path) {
  try {
    return io::read_file(path, static_cast<std::uintmax_t>(ImageLimits{}.max_file_bytes));
  } catch (const io::FileError& e) {
    refuse_picture(e);
  }
}

Tensor decode_picture(std::span<const std::uint8_t> bytes, const fs::path& path) {
  try {
    return decode_image(bytes, path.string());
  } catch (const ImageError& e) {
    refuse_picture(e);
  }
}

Tensor load_square(const std::filesystem::path& path, std::int64_t size) {
  Tensor picture = decode_picture(read_picture(path), path);
  const std::int64_t height = picture.shape()[2], width = picture.shape()[3];
  check<UsageError>(height == width, path.string(), ": a picture of ", width, "x", height,
                    " is not square: cut it with 'g2face crop' first");
  if (size == 0 || size == height) return picture;
  return crop_resize(picture, {0, 0, width, height}, size, size);
}

Tensor face_of(const Tensor& picture, const fs::path& path, const ModelConfig& config) {
  const std::int64_t h = picture.shape()[2], w = picture.shape()[3], r = config.resolution;
  check<ImageError>(h == w, path.string(), ": a picture of ", w, "x", h,
                    " is not an aligned face crop, which is square: cut it with 'g2face crop' first");
  check<ImageError>(h >= 16, path.string(), ": a picture of ", w, "x", h,
                    " is too small for a face: 16x16 is the least");
  return h == r ? picture : crop_resize(picture, {0, 0, w, h}, r, r);
}

Tensor load_face(const fs::path& path, const ModelConfig& config) {
  return face_of(decode_picture(read_picture(path), path), path, config);
}

}  // namespace g2face::cli
