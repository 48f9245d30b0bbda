#include "io/landmarks.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"

namespace g2face::io {

std::vector<std::array<double, 2>> read_landmarks(const std::filesystem::path& path) {
  using Json = nlohmann::json;
  constexpr std::uintmax_t max_bytes = 1'000'000;
  constexpr std::size_t max_points = 10'000;
  constexpr int max_depth = 2;
  const std::vector<std::uint8_t> bytes = read_file(path, max_bytes);
  bool deep = false;
  // What is nested deeper is dropped, not kept in memory.
  const auto shallow = [&deep](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > max_depth;
    return depth <= max_depth;
  };
  const Json list = Json::parse(bytes.begin(), bytes.end(), shallow, /*allow_exceptions=*/false);
  const auto require = [&](bool ok, const auto&... what) {
    check<FileError>(ok, path.string(), ": ", what..., ": give landmarks as [[x, y], ...]");
  };
  require(!list.is_discarded() && !deep && list.is_array(), "no list of pairs in JSON");
  require(list.size() <= max_points, "more than ", max_points, " points");
  std::vector<std::array<double, 2>> points;
  for (const Json& pair : list) {
    const bool right = pair.is_array() && pair.size() == 2 && pair[0].is_number() && pair[1].is_number();
    require(right, "point ", points.size(), " is no pair of numbers");
    points.push_back({pair[0].get<double>(), pair[1].get<double>()});
    require(std::isfinite(points.back()[0]) && std::isfinite(points.back()[1]), "point ", points.size() - 1,
            " is not finite");
  }
  return points;
}

}  // namespace g2face::io
