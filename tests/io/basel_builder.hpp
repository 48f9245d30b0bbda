#pragma once
// The parts of a made-up Basel Face Model, and the file that Deep3DFaceRecon would make of them, computed here by its
// formulas (transferBFM09).

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <map>
#include <string>
#include <vector>

#include "g2face/fill.hpp"
#include "g2face/models/face_model.hpp"
#include "io/matlab_builder.hpp"
#include "io/temporary_folder.hpp"
#include "mesh.hpp"

namespace g2face::test {

/// Writes MATLAB matrices; numbers come row by row.
struct MatlabBuilder {
  Bytes bytes = matlab_header();

  MatlabBuilder& add(const std::string& name, std::size_t columns, const std::vector<double>& rows,
                     Stored stored = Stored::float64) {
    const std::size_t count = rows.size() / columns;
    std::vector<double> by_column;
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t r = 0; r < count; ++r) by_column.push_back(rows[r * columns + c]);
    const std::vector<std::int32_t> dims = {static_cast<std::int32_t>(count), static_cast<std::int32_t>(columns)};
    if (stored == Stored::single) {
      append_matrix<float>(bytes, {name, dims, Class::single}, stored, {by_column.begin(), by_column.end()});
    } else {
      append_matrix<double>(bytes, {name, dims}, stored, by_column);
    }
    return *this;
  }
};

/// 12 points in the whole model, 9 of them with expressions, 6 of those in front: sizes that nothing has in common with
/// the real ones. 90 modes of identity and texture and 70 of expression, so that some have to go.
struct BaselFolder {
  static constexpr std::size_t points = 12, modes = 90, expressions = 70;
  std::vector<double> trim = {12, 3, 5, 1, 9, 2, 7, 11, 4}, idx = {2, 9, 4, 1, 7, 5};  // from 1
  std::vector<double> shape_modes = numbers("shapePC", 3 * points * modes), shape_mean = numbers("shapeMU", 3 * points),
                      shape_deviations = numbers("shapeEV", modes),
                      texture_modes = numbers("texPC", 3 * points * modes), texture_mean = numbers("texMU", 3 * points),
                      texture_deviations = numbers("texEV", modes),
                      expression_modes = numbers("expPC", expressions * 3 * 9),
                      expression_deviations = numbers("expEV", expressions);
  TemporaryFolder folder;

  BaselFolder() { write(); }

  std::string path(const std::string& name) const { return (folder / name).string(); }
  std::vector<std::string> parts() const {
    return {path("01_MorphableModel.mat"), path("Exp_Pca.bin"),     path("std_exp.txt"),
            path("BFM_front_idx.mat"),     path("BFM_exp_idx.mat"), path("facemodel_info.mat")};
  }
  std::string front() const { return path("BFM_model_front.mat"); }

  void write() const {
    write_parts();
    write_front();
  }

  void write_parts() const {
    MatlabBuilder morphable, front_indices, trim_indices, info;
    morphable.add("shapePC", modes, shape_modes, Stored::single)
        .add("shapeEV", 1, shape_deviations, Stored::single)
        .add("shapeMU", 1, shape_mean, Stored::single)
        .add("texPC", modes, texture_modes, Stored::single)
        .add("texEV", 1, texture_deviations, Stored::single)
        .add("texMU", 1, texture_mean, Stored::single)
        .add("tl", 3, {1, 2, 3});
    save("01_MorphableModel.mat", morphable);
    save("BFM_front_idx.mat", front_indices.add("idx", 1, idx));
    save("BFM_exp_idx.mat", trim_indices.add("trimIndex", 1, trim));
    add_info(info);
    save("facemodel_info.mat", info);
    write_expressions(static_cast<std::int32_t>(expressions), expression_modes);
    std::ofstream deviations(folder / "std_exp.txt");
    for (const double d : expression_deviations) deviations << "  " << std::setprecision(17) << d << "\r\n";
  }

  /// What the parts give, by the formulas of the reference. Indices have to be right.
  void write_front() const {
    MatlabBuilder whole;
    std::vector<double> mean, colours, identity, expression, texture;
    for (const double i : idx) {
      const auto front_point = static_cast<std::size_t>(i) - 1;
      const auto point = static_cast<std::size_t>(trim[front_point]) - 1;
      for (std::size_t row = 3 * point; row < 3 * point + 3; ++row) {
        mean.push_back(shape_mean[row] / 1e5);
        colours.push_back(texture_mean[row]);
        for (std::size_t k = 0; k < 80; ++k) {
          identity.push_back(shape_modes[row * modes + k] * shape_deviations[k] / 1e5);
          texture.push_back(texture_modes[row * modes + k] * texture_deviations[k]);
        }
      }
      for (std::size_t row = 3 * front_point; row < 3 * front_point + 3; ++row)
        for (std::size_t k = 0; k < 64; ++k)
          expression.push_back(expression_modes[k * 3 * trim.size() + row] * expression_deviations[k] / 1e5);
    }
    whole.add("meanshape", mean.size(), mean)
        .add("meantex", colours.size(), colours)
        .add("idBase", 80, identity)
        .add("exBase", 64, expression)
        .add("texBase", 80, texture);
    add_info(whole);
    save("BFM_model_front.mat", whole);
  }

  void save(const std::string& name, const MatlabBuilder& file) const { write_bytes(folder / name, file.bytes); }
  void write_expressions(std::int32_t count, const std::vector<double>& basis) const {
    Bytes bytes;
    append(bytes, count);
    for (std::size_t i = 0; i < 3 * trim.size(); ++i) append(bytes, 0.0F);
    for (const double v : basis) append(bytes, static_cast<float>(v));
    write_bytes(folder / "Exp_Pca.bin", bytes);
  }

 private:
  /// Single precision, as the parts have them.
  static std::vector<double> numbers(const std::string& name, std::size_t count) {
    const Tensor t = fill("basel/" + name, {static_cast<std::int64_t>(count)}, 500, 100);
    const auto values = t.as<float>();
    return {values.begin(), values.end()};
  }

  /// Two rows of three vertices.
  static void add_info(MatlabBuilder& file) {
    const Tensor triangles = testing::grid_triangles(2, 3);
    const Tensor around = mesh_tables(triangles, 6).vertex_triangles;
    const auto from_one = [](const Tensor& t) {
      std::vector<double> values;
      for (const std::int32_t v : t.as<std::int32_t>()) values.push_back(v + 1);
      return values;
    };
    file.add("tri", 3, from_one(triangles))
        .add("point_buf", static_cast<std::size_t>(around.shape()[1]), from_one(around))
        .add("keypoints", 3, {1, 4, 6})
        .add("frontmask2_idx", 1, {2, 3})
        .add("tri_mask2", 3, {1, 4, 2})
        .add("skinmask", 6, {1, 0, 1, 1, 0, 1});
  }
};

}  // namespace g2face::test
