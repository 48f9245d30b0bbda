#include "io/landmarks.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"

namespace g2face::io {

namespace {

using Json = nlohmann::json;
constexpr std::size_t max_entries = 10'000;

/// A list of numbers or of lists of them. `expected` ends all messages.
class ListFile {
 public:
  ListFile(const std::filesystem::path& path, std::string_view expected) : path_(path), expected_(expected) {
    constexpr std::uintmax_t max_bytes = 1'000'000;
    constexpr int max_depth = 2;
    const std::vector<std::uint8_t> bytes = read_file(path, max_bytes);
    bool deep = false;
    // What is nested deeper is dropped, not kept in memory.
    const auto shallow = [&deep](int depth, Json::parse_event_t, Json&) {
      deep = deep || depth > max_depth;
      return depth <= max_depth;
    };
    list_ = Json::parse(bytes.begin(), bytes.end(), shallow, /*allow_exceptions=*/false);
    require(!list_.is_discarded() && !deep && list_.is_array(), "no list in JSON, or one that is nested too deep");
  }
  const Json& list() const { return list_; }

  template <class... Parts>
  void require(bool ok, const Parts&... what) const {
    check<FileError>(ok, path_.string(), ": ", what..., ": give ", expected_);
  }

 private:
  const std::filesystem::path& path_;
  std::string_view expected_;
  Json list_;
};

}  // namespace

std::vector<std::array<double, 2>> read_landmarks(const std::filesystem::path& path) {
  const ListFile file(path, "landmarks as [[x, y], ...]");
  file.require(file.list().size() <= max_entries, "more than ", max_entries, " points");
  std::vector<std::array<double, 2>> points;
  for (const Json& pair : file.list()) {
    const bool right = pair.is_array() && pair.size() == 2 && pair[0].is_number() && pair[1].is_number();
    file.require(right, "point ", points.size(), " is no pair of numbers");
    points.push_back({pair[0].get<double>(), pair[1].get<double>()});
    file.require(std::isfinite(points.back()[0]) && std::isfinite(points.back()[1]), "point ", points.size() - 1,
                 " is not finite");
  }
  return points;
}

std::vector<double> read_coefficients(const std::filesystem::path& path) {
  const ListFile file(path, "the coefficients of one face as [c, ...]");
  const bool of_faces = !file.list().empty() && file.list()[0].is_array();
  file.require(!of_faces || file.list().size() == 1, file.list().size(), " faces");
  const Json& numbers = of_faces ? file.list()[0] : file.list();
  file.require(numbers.size() <= max_entries, "more than ", max_entries, " numbers");
  std::vector<double> coefficients;
  for (const Json& c : numbers) {
    file.require(c.is_number() && std::isfinite(c.get<double>()), "entry ", coefficients.size(),
                 " is no finite number");
    coefficients.push_back(c.get<double>());
  }
  return coefficients;
}

}  // namespace g2face::io
