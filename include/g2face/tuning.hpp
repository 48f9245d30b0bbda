#pragma once
// Which kernel is the fastest: measured once on a machine, and remembered.

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "g2face/device.hpp"

namespace g2face {

/// What tuned plans found on one device: the name of a kernel for each signature. Threads may share it.
class Tuning {
 public:
  using Report = std::function<void(const std::string& line)>;

  /// Remembers in memory alone.
  Tuning() = default;
  /// Remembers in `file`, under the name of a machine; what stands there under other names is left as it is. A file
  /// that cannot be read or holds something else is passed over, and replaced when there is something new; one that
  /// cannot be written is done without. Nothing is thrown: `report` gets a line.
  Tuning(std::string file, std::string machine, Report report = {});

  /// g2face/tuning.json in $XDG_CACHE_HOME, or in ~/.cache where that is not set; empty if there is no home either.
  static std::string default_file();
  /// All that a measurement depends on: the names and versions of the device, its driver, CUDA, the libraries and
  /// g2face.
  static std::string machine(const Device& device);

  std::optional<std::string> find(const std::string& signature) const;
  void remember(const std::string& signature, const std::string& kernel);
  std::size_t size() const;
  /// A line for whoever gave `report`.
  void report(const std::string& line) const {
    if (report_) report_(line);
  }
  /// Writes the file if something new was remembered. Plans do it when they are made.
  void save();

 private:
  mutable std::mutex mutex_;
  std::string file_, machine_;
  Report report_;
  std::map<std::string, std::string> kernels_;  // by signature
  bool has_news_ = false;
};

}  // namespace g2face
