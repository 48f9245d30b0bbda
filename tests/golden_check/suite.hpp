#pragma once
// Finds golden files under a path and checks what they hold.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report.hpp"
#include "tolerance.hpp"

namespace g2face::golden {

struct SuiteOptions {
  Arithmetic arithmetic;
  /// Folders of manifests and of pictures; by default those beside the golden files, else the project's own.
  std::optional<std::filesystem::path> manifests, images;
  /// The file of a model whose weights single networks are run with, in place of those that the manifests make. It must
  /// hold the recorded ones.
  std::optional<std::filesystem::path> model;
  std::string only;    // a case is checked if its name contains this; '*' stands for any text
  bool stages = true;  // compare inner stages of networks too
  int jobs = 1;        // operator cases that run at once
  /// Operator cases with more parameters are left out: some are too much work for the reference device. 0: none.
  std::int64_t max_parameters = 0;
};

/// `path` is a golden folder (ops/, nets/, images/ and perhaps manifests/ side by side), a folder of golden files, or
/// one file. A file that cannot be read or is malformed becomes a failed case. Throws FormatError if there is nothing
/// to check under the path.
void check_path(const std::filesystem::path& path, const SuiteOptions& options, Report& report);

/// Whether `name` contains `pattern`, in which '*' stands for any text.
bool matches(std::string_view name, std::string_view pattern);

}  // namespace g2face::golden
