#include "json_file.hpp"

#include <fstream>

#include "op_file.hpp"

namespace g2face::golden {

nlohmann::json load_json(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  check<FormatError>(in.good(), file.string(), ": cannot be read");
  try {
    return nlohmann::json::parse(in);
  } catch (const nlohmann::json::exception& e) {
    throw FormatError(str(file.string(), ": is no JSON: ", e.what()));
  }
}

}  // namespace g2face::golden
