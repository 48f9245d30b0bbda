#include "io/face_manifest.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"

namespace g2face::io {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uintmax_t max_bytes = 1'000'000'000;
constexpr int max_depth = 3;
constexpr std::string_view line_start = "{\"input\":\"";

[[noreturn]] void fail(const std::filesystem::path& path, const char* action, int code, const char* advice) {
  throw FileError(str(path.string(), ": ", action, ": ", std::generic_category().message(code), ": ", advice));
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

// A field of a line that was read. Throws Error, "what is wrong".
const Json& field(const Json& line, const char* name, bool is_right(const Json&), const char* expected) {
  const auto found = line.find(name);
  check(found != line.end(), "lacks \"", name, "\"");
  check(is_right(*found), "\"", name, "\" is ", found->type_name(), ", expected ", expected);
  return *found;
}

std::string text(const Json& line, const char* name) {
  return field(
      line, name, [](const Json& j) { return j.is_string(); }, "a string");
}

std::string hash(const Json& line, const char* name, bool may_lack) {
  const auto found = line.find(name);
  if (may_lack && (found == line.end() || found->is_null())) return "";
  std::string digits = text(line, name);
  check(digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == std::string::npos, "\"", name,
        "\" is no SHA-256 in hexadecimal");
  return digits;
}

// What resuming needs; the measures are for people.
FaceRecord parse(std::string_view line_text) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    check(depth <= max_depth, "nested deeper than ", max_depth, " levels");
    return true;
  };
  const Json line = Json::parse(line_text, shallow, /*allow_exceptions=*/false);
  check(line.is_object(), "no JSON object");
  FaceRecord record;
  record.input = text(line, "input");
  const std::string action = text(line, "action");
  check(action == "replaced" || action == "failed", "\"action\" is neither replaced nor failed");
  const bool failed = action == "failed";
  if (failed) {
    record.reason = text(line, "reason");
    check(!record.reason.empty(), "\"reason\" is empty");
  }
  record.input_sha256 = hash(line, "input_sha256", failed);
  record.output_sha256 = hash(line, "output_sha256", failed);
  record.model_sha256 = hash(line, "model_sha256", false);
  record.identity = text(line, "identity");
  if (line.contains("seed")) {
    record.seed = field(
                      line, "seed", [](const Json& j) { return j.is_number_unsigned(); }, "a whole number")
                      .get<std::uint64_t>();
  }
  record.recoverable = field(
                           line, "recoverable", [](const Json& j) { return j.is_boolean(); }, "true or false")
                           .get<bool>();
  // Lines that do not say what they hide are older than the sealed payload.
  if (line.contains("payload")) {
    record.payload = text(line, "payload");
  } else if (record.recoverable) {
    record.payload = "paper";
  }
  // And those that do not say where are older than other carriers.
  if (line.contains("carriers")) {
    const Json& names = field(
        line, "carriers", [](const Json& j) { return j.is_array(); }, "a list");
    for (const Json& name : names) {
      check(name.is_string(), "\"carriers\" holds ", name.type_name(), ", expected strings");
      record.carriers.push_back(name);
    }
  } else if (record.recoverable) {
    record.carriers = {"pixels"};
  }
  record.exact = line.contains("exact") && line["exact"] == true;
  if (const auto worst = line.find("worst_similarity"); worst != line.end() && worst->is_number())
    record.drawn = DrawnIdentity{.draws = 1, .worst_similarity = worst->get<double>()};
  return record;
}

bool could_be_cut(std::string_view tail) { return tail.starts_with(line_start) || line_start.starts_with(tail); }

}  // namespace

std::string to_json(const FaceRecord& r) {
  Json line = Json::object();
  line["input"] = r.input;  // first: see line_start
  line["input_sha256"] = text_or_null(r.input_sha256);
  line["action"] = r.replaced() ? "replaced" : "failed";
  if (r.replaced()) {
    line["box"] = r.box;
    line["output"] = r.output;
    line["output_sha256"] = r.output_sha256;
  } else {
    line["reason"] = r.reason;
  }
  line["identity"] = r.identity;
  if (r.seed) line["seed"] = *r.seed;
  line["recoverable"] = r.recoverable;
  if (!r.payload.empty()) line["payload"] = r.payload;
  if (!r.carriers.empty()) line["carriers"] = r.carriers;
  if (r.exact) line["exact"] = true;
  if (r.drawn) {
    line["draws"] = r.drawn->draws;
    line["worst_similarity"] = r.drawn->worst_similarity;
  }
  if (r.measures) {
    line["similarity_before"] = r.measures->similarity_before;
    line["similarity_after"] = r.measures->similarity_after;
    if (r.measures->bit_error_rate) line["bit_error_rate"] = *r.measures->bit_error_rate;
    if (r.measures->payload_margin) line["payload_margin"] = *r.measures->payload_margin;
  }
  line["model_sha256"] = r.model_sha256;
  line["time"] = r.time;
  line["seconds"] = r.seconds;
  // File names need not be UTF-8; what is not is replaced.
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

FaceManifest::FaceManifest(const std::filesystem::path& path) : path_(path) {
  fd_ = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (fd_ < 0) fail(path, "cannot open the manifest", errno, "choose another --manifest");
  try {
    struct stat info {};
    const bool regular = ::fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
    check<FileError>(regular, path.string(), ": is not a regular file: choose another --manifest");
    check<FileError>(::flock(fd_, LOCK_EX | LOCK_NB) == 0, path.string(),
                     ": another run writes this manifest: wait for it, or choose another --manifest");
    if (info.st_size > 0) read();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

FaceManifest::~FaceManifest() { ::close(fd_); }

void FaceManifest::read() {
  const std::vector<std::uint8_t> bytes = read_file(path_, max_bytes);
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < all.size();) {
    ++number;
    const std::size_t end = all.find('\n', begin);
    const std::string_view line = all.substr(begin, end - begin);
    try {
      FaceRecord record = parse(line);
      if (record.replaced()) replaced_.emplace(record.output_sha256, std::move(record));
    } catch (const Error& error) {
      const bool cut = end == std::string_view::npos && could_be_cut(line);
      check<FileError>(cut, path_.string(), ": line ", number, ": not a line of a manifest: ", error.what(),
                       ": remove or mend it, or choose another --manifest");
      was_cut_ = true;
      if (::ftruncate(fd_, static_cast<off_t>(begin)) != 0) {
        fail(path_, "cannot remove its cut last line", errno, "remove it by hand");
      }
      return;
    }
    if (end == std::string_view::npos) return write("\n");
    begin = end + 1;
  }
}

bool FaceManifest::has(const FaceRecord& wanted, const std::string& output_sha256, std::optional<double> most) const {
  const auto [begin, end] = replaced_.equal_range(output_sha256);
  return std::any_of(begin, end, [&](const auto& entry) {
    const FaceRecord& r = entry.second;
    const bool same_input = r.input_sha256 == wanted.input_sha256 || wanted.input_sha256 == output_sha256;
    return same_input && r.model_sha256 == wanted.model_sha256 && r.identity == wanted.identity &&
           r.seed == wanted.seed && r.recoverable == wanted.recoverable && r.payload == wanted.payload &&
           r.carriers == wanted.carriers && r.exact == wanted.exact &&
           (!most || (r.drawn && r.drawn->worst_similarity <= *most));
  });
}

void FaceManifest::append(const FaceRecord& record) {
  write(to_json(record) + "\n");
  if (record.replaced()) replaced_.emplace(record.output_sha256, record);
}

void FaceManifest::write(const std::string& text) {
  const off_t before = ::lseek(fd_, 0, SEEK_END);
  ssize_t written = 0;
  do {
    written = ::write(fd_, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (std::cmp_equal(written, text.size()) && ::fdatasync(fd_) == 0) return;
  // A short write means that there is no more room.
  const int code = written < 0 || std::cmp_equal(written, text.size()) ? errno : ENOSPC;
  if (before >= 0 && ::ftruncate(fd_, before) != 0) fail(path_, "cannot remove a cut last line", errno, "mend it");
  fail(path_, "cannot write the manifest", code, "make room and go on with --resume");
}

}  // namespace g2face::io
