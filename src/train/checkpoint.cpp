#include "g2face/train/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <iomanip>
#include <map>

#include "g2face/models/networks.hpp"
#include "io/atomic_file.hpp"
#include "io/config_fields.hpp"
#include "io/crc32c.hpp"
#include "io/input_file.hpp"

namespace g2face {
namespace {

namespace fs = std::filesystem;

constexpr const char *fact_key = "training", *last_name = "last", *best_name = "best";
constexpr std::string_view prefix = "step-", suffix = ".safetensors", abandoned = ".abandoned";

void visit_state(io::ConfigFields& f, TrainingState& s) {
  f.field("step", s.step);
  f.field("images", s.images);
  f.field("epoch", s.epoch);
  f.field("seed", s.seed);
  f.field("score", s.score);
  f.field("dataset", s.dataset);
  f.field("configuration", s.configuration);
}

io::VisitFields fact_of(TrainingState& state, std::uint32_t& checksum) {
  return [&](io::ConfigFields& f) {
    visit_state(f, state);
    f.field("crc32c", checksum);
  };
}

/// Of everything that training goes on from.
std::uint32_t checksum_of(const Parameters& parameters, TrainingState state) {
  std::uint32_t crc = 0;
  const auto add = [&crc](std::string_view text) { crc = io::crc32c(std::as_bytes(std::span(text)), crc); };
  add(io::write_config([&state](io::ConfigFields& f) { visit_state(f, state); }));
  for (const auto& [name, tensor] : parameters) {
    add(str('\n', name, ' ', tensor.type().str(), '\n'));
    crc = io::crc32c({static_cast<const std::byte*>(tensor.data()), tensor.bytes()}, crc);
  }
  return crc;
}

std::string name_of(std::int64_t step) { return str(prefix, std::setw(8), std::setfill('0'), step, suffix); }

std::optional<std::int64_t> step_of(std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  const std::string_view digits = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  std::int64_t step = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  const bool is_number = error == std::errc() && end == digits.data() + digits.size() && step >= 0;
  return is_number && name == name_of(step) ? std::optional(step) : std::nullopt;
}

}  // namespace

Checkpoint load_checkpoint(const std::string& file) {
  Checkpoint checkpoint{file, Parameters::load(file), {}};
  std::uint32_t checksum = 0;
  try {
    const bool is_there = io::read_fact(checkpoint.parameters, fact_key, file, fact_of(checkpoint.state, checksum));
    check<CheckpointError>(is_there, file, ": holds no state of a training: it is a model, or another program's");
  } catch (const io::ConfigError& error) {
    throw CheckpointError(error.what());
  }
  check<CheckpointError>(checksum == checksum_of(checkpoint.parameters, checkpoint.state), file,
                         ": is damaged: its checksum does not fit what it holds");
  return checkpoint;
}

void require_same_tensors(const Checkpoint& checkpoint, const Parameters& like) {
  std::map<std::string, Type, std::less<>> expected;
  for (const auto& [name, tensor] : like) expected.emplace(name, tensor.type());
  const std::string list = differences(checkpoint.parameters, expected);
  check<CheckpointError>(list.empty(), checkpoint.file, ": is of another model or recipe: ", list);
}

CheckpointStore::CheckpointStore(std::string folder, int keep, Report report)
    : folder_(std::move(folder)), keep_(keep), report_(std::move(report)) {
  check(keep > 0, "checkpoints: keep is ", keep, ", expected 1 at least");
}

void CheckpointStore::save(Parameters parameters, const TrainingState& state) {
  std::error_code error;
  fs::create_directories(folder_, error);
  check<CheckpointError>(!error, folder_, ": cannot make the folder: ", error.message(), ": choose another place");
  if (!is_clean_) io::remove_abandoned_temporary_files(folder_);
  is_clean_ = true;
  try {
    TrainingState copy = state;
    std::uint32_t checksum = checksum_of(parameters, state);
    io::write_fact(parameters, fact_key, fact_of(copy, checksum));
  } catch (const io::ConfigError& why) {
    throw CheckpointError(str(path_of(state.step), ": cannot write the state: ", why.what()));
  }
  parameters.save(path_of(state.step));
  set_aside_after(state.step);
  if (is_best(state)) write_pointer(best_name, state.step);
  write_pointer(last_name, state.step);
  remove_old();
}

std::optional<Checkpoint> CheckpointStore::newest() const {
  std::vector<std::int64_t> all = steps();
  std::reverse(all.begin(), all.end());
  std::string why;
  for (const std::int64_t step : all) {
    try {
      return load_checkpoint(path_of(step));
    } catch (const CheckpointError& error) {
      say(str(error.what(), ": is passed over"));
      if (why.empty()) why = error.what();
    }
  }
  check<CheckpointError>(all.empty(), folder_, ": none of its ", all.size(),
                         " checkpoints can be loaded, the newest one because of ", why,
                         ": give another folder to begin anew");
  return std::nullopt;
}

std::optional<Checkpoint> CheckpointStore::best() const {
  const auto step = named_by(best_name);
  return step ? std::optional(load_checkpoint(path_of(*step))) : std::nullopt;
}

std::vector<std::int64_t> CheckpointStore::steps() const {
  std::vector<std::int64_t> found;
  std::error_code error;
  fs::directory_iterator entry(folder_, error);
  if (error == std::errc::no_such_file_or_directory) return found;
  while (!error && entry != fs::directory_iterator()) {
    if (const auto step = step_of(entry->path().filename().string())) found.push_back(*step);
    entry.increment(error);
  }
  check<CheckpointError>(!error, folder_, ": cannot read the folder: ", error.message(), ": make it readable");
  std::sort(found.begin(), found.end());
  return found;
}

std::string CheckpointStore::path_of(std::int64_t step) const { return (fs::path(folder_) / name_of(step)).string(); }

/// A pointer that is not there or names nothing is none: it is a help for people, and files tell the rest.
std::optional<std::int64_t> CheckpointStore::named_by(const char* pointer) const {
  try {
    const auto bytes = io::read_file(fs::path(folder_) / pointer, 1000);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto step = step_of(text.substr(0, text.find('\n')));
    return step && fs::exists(path_of(*step)) ? step : std::nullopt;
  } catch (const io::FileError&) {
    return std::nullopt;
  }
}

void CheckpointStore::write_pointer(const char* pointer, std::int64_t step) const {
  const std::string text = str(name_of(step), '\n');
  const std::array parts{std::as_bytes(std::span(text))};
  io::write_file<CheckpointError>(fs::path(folder_) / pointer, parts);
}

void CheckpointStore::set_aside_after(std::int64_t step) const {
  for (const std::int64_t later : steps()) {
    if (later <= step) continue;
    std::error_code error;
    fs::rename(path_of(later), str(path_of(later), abandoned), error);
    check<CheckpointError>(!error, path_of(later), ": cannot rename it: ", error.message(),
                           ": it is of a later step than ", step, ", remove it");
    say(str(path_of(later), ": is of a later step than ", step, " and was renamed to *", abandoned));
  }
}

bool CheckpointStore::is_best(const TrainingState& state) const {
  if (!state.score) return false;
  const auto step = named_by(best_name);
  if (!step || *step == state.step) return true;
  try {
    const auto before = load_checkpoint(path_of(*step)).state.score;
    return !before || *state.score < *before;
  } catch (const CheckpointError& error) {
    say(str(error.what(), ": was the best one"));
    return true;
  }
}

void CheckpointStore::remove_old() const {
  std::vector<std::int64_t> old = steps();
  const auto kept = std::min(old.size(), static_cast<std::size_t>(keep_));
  old.resize(old.size() - kept);
  const auto best = named_by(best_name);
  for (const std::int64_t step : old) {
    std::error_code error;
    if (step != best) fs::remove(path_of(step), error);
    if (error) say(str(path_of(step), ": is old, but cannot be removed: ", error.message()));
  }
}

void CheckpointStore::say(const std::string& line) const {
  if (report_) report_(line);
}

}  // namespace g2face
