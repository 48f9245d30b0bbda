#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace g2face::golden {

/// Throws FormatError if the file cannot be read or holds no JSON.
nlohmann::json load_json(const std::filesystem::path& file);

}  // namespace g2face::golden
