#pragma once
// What the program says to people, on standard error. Results go to standard output and are not said here.

#include <chrono>
#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace g2face::cli {

enum class LogLevel : std::uint8_t { error, warning, info, debug };

/// --log-level, --quiet and the environment's G2FACE_LOG, in effect for the process once the command line is read.
void add_log_options(CLI::App& command);

/// "g2face: LINE", if the level is shown.
void say(LogLevel level, const std::string& line);
/// "g2face: error: LINE", always.
void report_error(const std::string& line);

/// Counts items, with rate and time left: on one line that is rewritten if standard error is a terminal, on a line for
/// each item otherwise. Shown at level info.
class Progress {
 public:
  explicit Progress(std::size_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// One more item has its result. `line` says which.
  void done(const std::string& line);
  /// One more item needs no work, or failed and was reported: it counts, but not for the rate.
  void passed_over();

 private:
  std::string position() const;

  std::size_t total_, seen_ = 0, worked_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Ends a line of progress that is still open, and says that the user interrupted. Async-signal-safe.
void say_interrupted() noexcept;

}  // namespace g2face::cli
