#include "io/basel_parts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>

#include "g2face/error.hpp"
#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "io/matlab.hpp"

namespace g2face::io {
namespace {

constexpr std::string_view expressions_file = "Exp_Pca.bin", deviations_file = "std_exp.txt";

/// A variable, and the MATLAB file that usually has it.
struct Row {
  std::string_view name, file;
  bool needed = true;
};
constexpr std::string_view morphable_file = "01_MorphableModel.mat", info_file = "facemodel_info.mat";
constexpr auto variables = std::to_array<Row>({{"shapePC", morphable_file},
                                               {"shapeEV", morphable_file},
                                               {"shapeMU", morphable_file},
                                               {"texPC", morphable_file},
                                               {"texEV", morphable_file},
                                               {"texMU", morphable_file},
                                               {"trimIndex", "BFM_exp_idx.mat"},
                                               {"idx", "BFM_front_idx.mat"},
                                               {"tri", info_file},
                                               {"point_buf", info_file},
                                               {"keypoints", info_file},
                                               {"frontmask2_idx", info_file, false},
                                               {"tri_mask2", info_file, false},
                                               {"skinmask", info_file, false}});

using Rows = std::vector<std::size_t>;

class Parts {
 public:
  explicit Parts(std::span<const std::string> paths) {
    for (const std::string& path : paths) add(path);
    std::string missing;
    const auto need = [&](bool there, std::string_view name, std::string_view file) {
      if (!there) missing += str(missing.empty() ? "" : ", ", name, " (", file, ")");
    };
    for (const Row& row : variables) need(!row.needed || owners_.contains(row.name), row.name, row.file);
    need(!expressions_.empty(), "modes of expressions", expressions_file);
    need(!deviations_.empty(), "their deviations", deviations_file);
    check<CheckpointError>(missing.empty(), paths.empty() ? "" : paths[0],
                           ": is a part of the Basel Face Model; give the others with it: missing are ", missing);
  }

  std::map<std::string, Tensor, std::less<>> front() const {
    const MappedFile file = map(expressions_);
    const ExpressionBasis expressions = *expression_basis(file.bytes);
    const Rows front = indices("idx", expressions.vertices);
    const Tensor mean = matrix("shapeMU");
    check<CheckpointError>(mean.numel() % 3 == 0, where("shapeMU"), " has ", mean.numel(),
                           " numbers, expected three for each point");
    const std::int64_t points = mean.numel() / 3;
    const Rows trimmed = indices("trimIndex", points);
    check<CheckpointError>(trimmed.size() == static_cast<std::size_t>(expressions.vertices), where("trimIndex"),
                           " has ", trimmed.size(), " indices, but ", expressions_, " has ", expressions.vertices,
                           " points");
    Rows whole;  // the points of the front among all
    for (const std::size_t i : front) whole.push_back(trimmed[i]);

    std::map<std::string, Tensor, std::less<>> result;
    result["meanshape"] = chosen(mean, "shapeMU", points, whole, to_decimetres);
    result["meantex"] = chosen(matrix("texMU"), "texMU", points, whole, 1);
    result["idBase"] = basis("shapePC", "shapeEV", points, whole, 80, to_decimetres);
    result["texBase"] = basis("texPC", "texEV", points, whole, 80, 1);
    result["exBase"] = expression(expressions, front);
    for (const Row& row : variables)
      if (row.file == info_file && owners_.contains(row.name)) result[std::string(row.name)] = matrix(row.name);
    return result;
  }

 private:
  static constexpr double to_decimetres = 1e5;  // what lengths are divided by

  static MappedFile map(const std::string& path) {
    try {
      return map_file(path);
    } catch (const FileError& e) {
      throw CheckpointError(e.what());
    }
  }
  static std::string_view text_of(const MappedFile& file) {
    return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
  }

  void add(const std::string& path) {
    const MappedFile file = map(path);
    if (text_of(file).starts_with("MATLAB")) return add_variables(path);
    if (expression_basis(file.bytes)) {
      check<CheckpointError>(expressions_.empty(), path, ": has modes of expressions, and so has ", expressions_);
      expressions_ = path;
      return;
    }
    const auto numbers = numbers_in_text(text_of(file));
    check<CheckpointError>(numbers.has_value(), path, ": is no part of the Basel Face Model");
    check<CheckpointError>(deviations_.empty(), path, ": has deviations of expressions, and so has ", deviations_path_);
    deviations_ = *numbers;
    deviations_path_ = path;
  }

  void add_variables(const std::string& path) {
    const auto file = std::make_shared<MatlabFile>(path);
    bool any = false;
    for (const MatlabFile::Variable& v : file->matrices()) {
      if (std::ranges::find(variables, v.name, &Row::name) == variables.end()) continue;
      const auto [owner, fresh] = owners_.emplace(v.name, Owner{path, file});
      check<CheckpointError>(fresh, path, ": has '", v.name, "', and so has ", owner->second.path);
      any = true;
    }
    check<CheckpointError>(any, path, ": has no variable of the parts of the Basel Face Model");
  }

  std::string where(std::string_view name) const { return str(owners_.find(name)->second.path, ": '", name, "'"); }
  Tensor matrix(std::string_view name) const { return owners_.find(name)->second.file->matrix(std::string(name)); }

  /// Indices 1..count, from 0.
  Rows indices(std::string_view name, std::int64_t count) const {
    Rows rows;
    const Tensor values = matrix(name);
    for (const double v : values.as<double>()) {
      check<CheckpointError>(v >= 1 && v <= static_cast<double>(count) && v == std::floor(v), where(name), " holds ", v,
                             ", expected a whole number 1..", count);
      rows.push_back(static_cast<std::size_t>(v) - 1);
    }
    return rows;
  }

  /// Of three numbers for each point those of some of the points, divided.
  Tensor chosen(const Tensor& all, std::string_view name, std::int64_t points, const Rows& rows, double divisor) const {
    check<CheckpointError>(all.numel() == 3 * points, where(name), " has ", all.numel(), " numbers, expected ",
                           3 * points);
    Tensor result(Type{DType::f64, {1, 3 * static_cast<std::int64_t>(rows.size())}});
    const auto in = all.as<double>();
    const auto out = result.mutable_as<double>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = in[3 * rows[i / 3] + i % 3] / divisor;
    return result;
  }

  /// The rows of some points of a matrix of modes, each column times its deviation.
  Tensor basis(std::string_view modes, std::string_view deviations, std::int64_t points, const Rows& rows,
               std::int64_t most, double divisor) const {
    const Tensor all = matrix(modes), scale = matrix(deviations);
    const std::int64_t columns = all.shape()[1], kept = std::min(most, columns);
    check<CheckpointError>(all.shape()[0] == 3 * points, where(modes), " is ", all.shape(), ", expected ", 3 * points,
                           " rows");
    check<CheckpointError>(scale.numel() == columns, where(deviations), " has ", scale.numel(),
                           " numbers, expected one for each of ", columns, " modes");
    Tensor result(Type{DType::f64, {3 * static_cast<std::int64_t>(rows.size()), kept}});
    const auto in = all.as<double>(), s = scale.as<double>();
    const auto out = result.mutable_as<double>();
    const auto width = static_cast<std::size_t>(kept);
    for (std::size_t i = 0; i < 3 * rows.size(); ++i) {
      const std::size_t row = 3 * rows[i / 3] + i % 3;
      for (std::size_t k = 0; k < width; ++k)
        out[i * width + k] = in[row * static_cast<std::size_t>(columns) + k] * s[k] / divisor;
    }
    return result;
  }

  Tensor expression(const ExpressionBasis& all, const Rows& rows) const {
    constexpr std::int64_t most = 64;
    check<CheckpointError>(deviations_.size() == static_cast<std::size_t>(all.modes), deviations_path_, ": has ",
                           deviations_.size(), " numbers, expected one for each of ", all.modes, " modes of ",
                           expressions_);
    const auto width = static_cast<std::size_t>(std::min(most, all.modes));
    const std::size_t mode = 3 * static_cast<std::size_t>(all.vertices);
    Tensor result(Type{DType::f64, {3 * static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)}});
    const auto out = result.mutable_as<double>();
    for (std::size_t i = 0; i < 3 * rows.size(); ++i) {
      for (std::size_t k = 0; k < width; ++k) {
        float value = 0;
        std::memcpy(&value, &all.basis[(k * mode + 3 * rows[i / 3] + i % 3) * sizeof value], sizeof value);
        out[i * width + k] = static_cast<double>(value) * deviations_[k] / to_decimetres;
      }
    }
    return result;
  }

  struct Owner {
    std::string path;
    std::shared_ptr<const MatlabFile> file;
  };
  std::map<std::string, Owner, std::less<>> owners_;  // of the variables
  std::string expressions_, deviations_path_;
  std::vector<double> deviations_;
};

}  // namespace

std::optional<ExpressionBasis> expression_basis(std::span<const std::uint8_t> bytes) {
  constexpr std::int32_t most_modes = 1024;
  std::int32_t modes = 0;
  if (bytes.size() <= sizeof modes) return std::nullopt;
  std::memcpy(&modes, bytes.data(), sizeof modes);
  if (modes < 1 || modes > most_modes) return std::nullopt;
  const std::span<const std::uint8_t> numbers = bytes.subspan(sizeof modes);
  const auto count = static_cast<std::size_t>(modes);
  const std::size_t of_a_vertex = 3 * sizeof(float) * (count + 1);
  if (numbers.size() % of_a_vertex != 0) return std::nullopt;
  const std::size_t mode = numbers.size() / (count + 1);
  return ExpressionBasis{modes, static_cast<std::int64_t>(numbers.size() / of_a_vertex), numbers.first(mode),
                         numbers.subspan(mode)};
}

std::optional<std::vector<double>> numbers_in_text(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  std::vector<double> numbers;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
    if (text.empty()) break;
    const std::string_view word = text.substr(0, text.find_first_of(spaces));
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) return std::nullopt;
    numbers.push_back(value);
    text.remove_prefix(word.size());
  }
  if (numbers.empty()) return std::nullopt;
  return numbers;
}

std::map<std::string, Tensor, std::less<>> front_of_basel_parts(std::span<const std::string> paths) {
  return Parts(paths).front();
}

}  // namespace g2face::io
