#include "cli/log.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string_view>

#include "cli/common.hpp"

namespace g2face::cli {

namespace {

constexpr std::array<std::string_view, 4> level_names = {"error", "warning", "info", "debug"};
constexpr std::string_view erase_line = "\r\033[K";

LogLevel shown_level = LogLevel::info;
// A line of progress is on the terminal, without its line end. The handler of Ctrl-C reads it.
std::atomic<bool> line_is_open{false};
static_assert(std::atomic<bool>::is_always_lock_free);

LogLevel parse_level(const std::string& source, const std::string& name) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (name == level_names[i]) return static_cast<LogLevel>(i);
  }
  throw UsageError(str(source, " ", name, ": give error, warning, info or debug"));
}

/// File names may hold anything, and a terminal obeys control characters.
std::string one_line(const std::string& text) {
  std::string result = text;
  for (char& c : result) {
    if (c == '\n') c = ' ';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return result;
}

void write_line(const std::string& start, const std::string& line) {
  if (line_is_open.exchange(false)) std::cerr << erase_line;
  std::cerr << start << one_line(line) << std::endl;
}

bool shows(LogLevel level) { return level <= shown_level; }

bool on_terminal() { return isatty(STDERR_FILENO) == 1; }

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// "1:05" or "2:03:04".
std::string clock_time(double seconds) {
  const std::int64_t s = std::llround(seconds);
  std::ostringstream out;
  out << std::setfill('0');
  if (s >= 3600) out << s / 3600 << ":" << std::setw(2);
  out << s / 60 % 60 << ":" << std::setw(2) << s % 60;
  return out.str();
}

}  // namespace

void add_log_options(CLI::App& command) {
  struct Options {
    std::string level, environment;
    bool quiet = false;
  };
  const auto o = std::make_shared<Options>();
  command.add_option("--log-level", o->level, "error, warning, info or debug (or environment G2FACE_LOG) [info]");
  command.add_flag("--quiet", o->quiet, "errors and warnings only: --log-level warning");
  command.parse_complete_callback([o] {
    check<UsageError>(!o->quiet || o->level.empty(), "--quiet is short for --log-level warning: give one of them");
    const char* environment = std::getenv("G2FACE_LOG");
    if (!o->level.empty()) {
      shown_level = parse_level("--log-level", o->level);
    } else if (o->quiet) {
      shown_level = LogLevel::warning;
    } else if (environment != nullptr && *environment != '\0') {
      shown_level = parse_level("G2FACE_LOG", environment);
    }
  });
}

void say(LogLevel level, const std::string& line) {
  if (!shows(level)) return;
  write_line(level == LogLevel::warning ? "g2face: warning: " : "g2face: ", line);
}

void report_error(const std::string& line) { write_line("g2face: error: ", line); }

Progress::Progress(std::size_t total) : total_(total) {}

Progress::~Progress() {
  if (line_is_open.exchange(false)) std::cerr << std::endl;
}

std::string Progress::position() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
  const double each = passed.count() / static_cast<double>(worked_);
  std::ostringstream out;
  out << "[" << seen_ << "/" << total_ << "] " << std::setprecision(2) << std::fixed;
  out << (each < 1 ? 1 / each : each) << (each < 1 ? " a second, " : " s each, ");
  if (seen_ < total_) {
    out << clock_time(each * static_cast<double>(total_ - seen_)) << " left";
  } else {
    out << "took " << clock_time(passed.count());
  }
  return out.str();
}

void Progress::done(const std::string& line) {
  ++seen_;
  ++worked_;
  if (!shows(LogLevel::info)) return;
  if (total_ == 1) return say(LogLevel::info, line);
  if (!on_terminal() || shows(LogLevel::debug)) return say(LogLevel::info, str(position(), ": ", line));
  // A line that wraps would not be erased whole.
  const std::string shown = one_line(str(position(), "  ", line)).substr(0, terminal_width() - 1);
  std::cerr << erase_line << shown << std::flush;
  line_is_open = true;
}

void Progress::passed_over() { ++seen_; }

void say_interrupted() noexcept {
  constexpr std::string_view text = "\ng2face: interrupted: what was finished stays\n";
  const std::string_view said = line_is_open ? text : text.substr(1);
  // Nothing can be done about a failure here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, said.data(), said.size());
}

}  // namespace g2face::cli
