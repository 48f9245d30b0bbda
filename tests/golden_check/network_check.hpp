#pragma once
// Checks files of whole networks: outputs and inner stages of each case, the flow from photo to recovered photo.

#include <filesystem>
#include <functional>

#include "g2face/parameters.hpp"
#include "report.hpp"
#include "tolerance.hpp"

namespace g2face::golden {

struct NetworkFolders {
  std::filesystem::path manifests, images;
};

struct NetworkOptions {
  Arithmetic arithmetic;
  bool stages = true;
  std::function<bool(const std::string&)> wanted;  // by the name of a case in the report
  const Parameters* model = nullptr;               // whose weights are used; null: made by the manifests
};

/// `path` is NAME.safetensors, with NAME.json beside it, or NAME.json alone. What is wrong with them becomes a failed
/// case.
void check_network_file(const std::filesystem::path& path, const NetworkFolders& folders, const NetworkOptions& options,
                        Report& report);

}  // namespace g2face::golden
