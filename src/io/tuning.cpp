// Tuning as a file: {"g2face_tuning": 1, "machines": {MACHINE: {SIGNATURE: KERNEL}}}.

#include "g2face/tuning.hpp"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "backend.hpp"
#include "g2face/version.hpp"
#include "io/atomic_file.hpp"
#include "io/input_file.hpp"

namespace g2face {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char *format_key = "g2face_tuning", *machines_key = "machines";
constexpr int format = 1, max_depth = 3;
constexpr std::uintmax_t max_bytes = 64'000'000;

Json empty_file() { return {{format_key, format}, {machines_key, Json::object()}}; }

/// Throws Error unless all of it is as it should be.
Json parse(std::span<const std::uint8_t> bytes) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    check(depth <= max_depth, "is nested deeper than ", max_depth, " levels");
    return true;
  };
  Json json = Json::parse(bytes.begin(), bytes.end(), shallow, /*allow_exceptions=*/false);
  check(json.is_object() && json.size() == 2 && json.contains(format_key) && json.contains(machines_key),
        "is no file of g2face's");
  check(json[format_key] == format, "has format ", json[format_key].dump(), ", expected ", format);
  check(json[machines_key].is_object(), "\"", machines_key, "\" is no object");
  for (const auto& [machine, kernels] : json[machines_key].items()) {
    check(kernels.is_object(), "\"", machine, "\" is no object");
    for (const auto& [signature, kernel] : kernels.items()) {
      check(kernel.is_string(), "the kernel of \"", signature, "\" is no text");
    }
  }
  return json;
}

/// The file, or an empty one where there is none. Throws Error.
Json read(const std::string& file) {
  std::error_code ignored;
  return fs::exists(file, ignored) ? parse(io::read_file(file, max_bytes)) : empty_file();
}

void write(const std::string& file, const Json& json) {
  std::error_code error;
  if (const fs::path folder = fs::path(file).parent_path(); !folder.empty()) fs::create_directories(folder, error);
  check(!error, file, ": cannot make its folder: ", error.message());
  const std::string text = json.dump(1) + "\n";
  const auto bytes = std::as_bytes(std::span(text));
  io::write_atomically(file, {&bytes, 1});
}

}  // namespace

Tuning::Tuning(std::string file, std::string machine, Report report)
    : file_(std::move(file)), machine_(std::move(machine)), report_(std::move(report)) {
  if (file_.empty()) return;
  try {
    const Json machines = read(file_).at(machines_key);
    if (machines.contains(machine_)) kernels_ = machines.at(machine_).get<std::map<std::string, std::string>>();
  } catch (const std::exception& e) {
    if (report_) report_(str("tuning: ", file_, " is passed over: ", e.what()));
  }
}

std::string Tuning::default_file() {
  const auto variable = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text == nullptr ? "" : text);
  };
  const std::string cache = variable("XDG_CACHE_HOME"), home = variable("HOME");
  if (cache.empty() && home.empty()) return "";
  return ((cache.empty() ? fs::path(home) / ".cache" : fs::path(cache)) / "g2face" / "tuning.json").string();
}

std::string Tuning::machine(const Device& device) {
  std::string text = str("g2face ", version(), " ", revision(), "; ");
  if (device.kind != Device::Kind::cuda) return text + device.str();
  const CudaReport cuda = cuda_report();
  const auto index = static_cast<std::size_t>(device.index);
  check<DeviceError>(index < cuda.gpus.size(), "device ", device, ": there is none");
  text += str(cuda.gpus[index].name, "; driver ", cuda.driver, "; CUDA ", cuda.runtime);
  for (const auto& [name, number] : cuda_libraries()) text += str("; ", name, " ", number);
  return text;
}

std::optional<std::string> Tuning::find(const std::string& signature) const {
  const std::lock_guard lock(mutex_);
  const auto it = kernels_.find(signature);
  return it == kernels_.end() ? std::nullopt : std::optional(it->second);
}

void Tuning::remember(const std::string& signature, const std::string& kernel) {
  const std::lock_guard lock(mutex_);
  kernels_[signature] = kernel;
  has_news_ = true;
}

std::size_t Tuning::size() const {
  const std::lock_guard lock(mutex_);
  return kernels_.size();
}

void Tuning::save() {
  const std::lock_guard lock(mutex_);
  if (file_.empty() || !has_news_) return;
  has_news_ = false;
  try {
    Json json = empty_file();
    try {
      json = read(file_);     // again: another process may have written
    } catch (const Error&) {  // was said when it was read first
    }
    Json& own = json[machines_key][machine_];
    for (const auto& [signature, kernel] : kernels_) own[signature] = kernel;
    write(file_, json);
  } catch (const std::exception& e) {
    if (report_) report_(str("tuning: what was found is not kept: ", e.what()));
  }
}

}  // namespace g2face
