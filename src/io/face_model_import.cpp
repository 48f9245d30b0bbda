#include "io/face_model_import.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "g2face/models/face_model.hpp"
#include "io/atomic_file.hpp"
#include "io/basel_parts.hpp"
#include "io/input_file.hpp"
#include "io/matlab.hpp"

namespace g2face::io {
namespace {

constexpr std::string_view prefix = "face_model/";

void set(Parameters& to, std::string_view field, Tensor tensor) { to.set(str(prefix, field), std::move(tensor)); }

/// values * scale, in single precision and another shape of as many elements.
Tensor scaled(const Tensor& values, double scale, const Shape& shape) {
  Tensor result(Type{DType::f32, shape});
  const auto out = result.mutable_as<float>();
  const Tensor doubles = values.to(DType::f64);
  const auto in = doubles.as<double>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(in[i] * scale);
  return result;
}

/// Takes the mean away from points [V,3] and returns it.
std::array<double, 3> recentre(Tensor& points) {
  const auto values = points.mutable_as<double>();
  std::array<double, 3> mean = {0, 0, 0};
  const auto count = static_cast<double>(points.shape()[0]);
  for (std::size_t i = 0; i < values.size(); ++i) mean[i % 3] += values[i] / count;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= mean[i % 3];
  return mean;
}

// --- BFM_model_front.mat ---

/// What the parts of the Basel Face Model give, as that file has it.
class BaselParts {
 public:
  explicit BaselParts(std::span<const std::string> paths) : variables_(front_of_basel_parts(paths)) {}

  bool has(const std::string& name) const { return variables_.contains(name); }
  Tensor matrix(const std::string& name) const { return variables_.at(name); }

 private:
  std::map<std::string, Tensor, std::less<>> variables_;
};

/// Of a MatlabFile or BaselParts; `path` is its name in messages.
template <class File>
class BaselFaceModel {
 public:
  BaselFaceModel(std::string path, File file) : path_(std::move(path)), file_(std::move(file)) {}

  Parameters read() {
    Parameters to;
    FaceModelFacts facts{.name = "bfm-front",
                         .source = "BFM_model_front.mat of Deep3DFaceRecon",
                         .licence = "Basel Face Model 2009: not for commercial use, not to be passed on",
                         .normals = NormalWeight::equal};
    Tensor mean = file_.matrix("meanshape");
    vertices_ = mean.numel() / 3;
    check<CheckpointError>(mean.numel() % 3 == 0, path_, ": 'meanshape' has ", mean.numel(),
                           " numbers, expected three for each vertex");
    mean = mean.reshape({vertices_, 3});
    facts.origin = recentre(mean);
    set(to, "mean_shape", scaled(mean, 1, {vertices_, 3}));
    basis(to, "identity", "idBase", 1);
    basis(to, "expression", "exBase", 1);
    basis(to, "texture", "texBase", 1.0 / 255);
    const Tensor colours = file_.matrix("meantex");
    check<CheckpointError>(colours.numel() == 3 * vertices_, path_, ": 'meantex' has ", colours.numel(),
                           " numbers, expected ", 3 * vertices_);
    set(to, "mean_texture", scaled(colours, 1.0 / 255, {vertices_, 3}));

    const Tensor triangles = indices("tri", vertices_);
    set(to, "triangles", triangles);
    set(to, "vertex_triangles", indices("point_buf", triangles.shape()[0] + 1));
    set(to, "landmarks", flat(indices("keypoints", vertices_)));
    if (file_.has("frontmask2_idx")) set(to, "front_vertices", flat(indices("frontmask2_idx", vertices_)));
    if (file_.has("tri_mask2")) set(to, "front_triangles", indices("tri_mask2", vertices_));
    if (file_.has("skinmask")) {
      const Tensor mask = file_.matrix("skinmask");
      check<CheckpointError>(mask.numel() == vertices_, path_, ": 'skinmask' has ", mask.numel(), " numbers, expected ",
                             vertices_);
      set(to, "skin", scaled(mask, 1, {vertices_}));
    }
    facts.store(to);
    return to;
  }

 private:
  /// Row 3 v + axis of a basis belongs to coordinate `axis` of vertex v.
  void basis(Parameters& to, std::string_view field, const std::string& name, double scale) {
    const Tensor t = file_.matrix(name);
    check<CheckpointError>(t.shape()[0] == 3 * vertices_, path_, ": '", name, "' is ", t.shape(), ", expected ",
                           3 * vertices_, " rows");
    set(to, field, scaled(t, scale, {vertices_, 3, t.shape()[1]}));
  }

  /// Indices 1..count, from 0.
  Tensor indices(const std::string& name, std::int64_t count) const {
    const Tensor t = file_.matrix(name);
    Tensor result(Type{DType::i32, t.shape()});
    const auto out = result.mutable_as<std::int32_t>();
    const auto in = t.as<double>();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const bool fits = in[i] >= 1 && in[i] <= static_cast<double>(count) && in[i] == std::floor(in[i]);
      check<CheckpointError>(fits, path_, ": '", name, "' holds ", in[i], ", expected a whole number 1..", count);
      out[i] = static_cast<std::int32_t>(in[i] - 1);
    }
    return result;
  }

  static Tensor flat(const Tensor& t) { return t.reshape({t.numel()}); }

  std::string path_;
  File file_;
  std::int64_t vertices_ = 0;
};

// --- ICT-FaceKit ---

class IctFaceKit {
 public:
  IctFaceKit(const std::string& path, const Parameters& file) : path_(path), file_(file) {}

  Parameters read() {
    constexpr double decimetres = 0.1;  // in a centimetre
    Parameters to;
    FaceModelFacts facts{.name = "ict-facekit-light",
                         .source = metadata("source") + " " + metadata("commit"),
                         .licence = metadata("licence"),
                         .normals = NormalWeight::area,
                         .scale = decimetres,
                         .expression_names = split(metadata("expression_names"))};
    Tensor neutral = get("neutral", 2).to(DType::f64);
    vertices_ = neutral.shape()[0];
    check<CheckpointError>(vertices_ > 0 && neutral.shape()[1] == 3, path_, ": 'neutral' is ", neutral.shape(),
                           ", expected [V,3]");
    facts.origin = recentre(neutral);
    set(to, "mean_shape", scaled(neutral, decimetres, {vertices_, 3}));
    modes(to, "identity", decimetres);
    modes(to, "expression", decimetres);
    // The model has no colours: a light skin everywhere.
    constexpr double grey = 0.7;
    set(to, "mean_texture", Tensor::full(Type{DType::f32, {vertices_, 3}}, grey));

    const Tensor triangles = integers("triangles", 2);
    set(to, "triangles", triangles);
    try {
      set(to, "vertex_triangles", mesh_tables(triangles, vertices_).vertex_triangles);
    } catch (const ShapeError& e) {
      throw CheckpointError(str(path_, ": ", e.what()));
    }
    set(to, "landmarks", integers("landmarks68", 1));
    if (file_.contains("part")) set(to, "part", integers("part", 1));
    if (file_.contains("uv")) set(to, "uv", get("uv", 2).to(DType::f32));
    if (file_.contains("triangles_uv")) set(to, "uv_triangles", integers("triangles_uv", 2));
    facts.store(to);
    return to;
  }

 private:
  const Tensor& get(const std::string& name, int rank) const {
    check<CheckpointError>(file_.contains(name), path_, ": has no tensor '", name, "'");
    const Tensor& t = file_.at(name);
    check<CheckpointError>(t.shape().rank() == rank, path_, ": '", name, "' is ", t.shape(), ", expected rank ", rank);
    return t;
  }

  Tensor integers(const std::string& name, int rank) const {
    const Tensor& t = get(name, rank);
    check<CheckpointError>(!is_float(t.dtype()), path_, ": '", name, "' is ", t.type().str(), ", expected integers");
    return t.to(DType::i32);
  }

  std::string metadata(std::string_view key) const {
    const auto found = file_.metadata().find(key);
    return found == file_.metadata().end() ? std::string() : found->second;
  }

  static std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      parts.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return parts;
  }

  /// [K,V,3] as [V,3,K].
  void modes(Parameters& to, const std::string& name, double scale) const {
    const Tensor& t = get(name, 3);
    const std::int64_t count = t.shape()[0], rows = 3 * vertices_;
    check<CheckpointError>(count > 0 && t.shape() == Shape({count, vertices_, 3}), path_, ": '", name, "' is ",
                           t.shape(), ", expected [K,", vertices_, ",3]");
    const Tensor values = t.to(DType::f32);
    Tensor result(Type{DType::f32, {vertices_, 3, count}});
    const auto in = values.as<float>();
    const auto out = result.mutable_as<float>();
    for (std::int64_t k = 0; k < count; ++k) {
      for (std::int64_t r = 0; r < rows; ++r) {
        out[static_cast<std::size_t>(r * count + k)] =
            static_cast<float>(static_cast<double>(in[static_cast<std::size_t>(k * rows + r)]) * scale);
      }
    }
    set(to, name, std::move(result));
  }

  std::string path_;
  const Parameters& file_;
  std::int64_t vertices_ = 0;
};

/// What a file looks like.
struct Looks {
  bool matlab = false, basel_part = false;  // one of the parts that are no MATLAB files
};
Looks looks_of(const std::string& path) {
  try {
    const MappedFile file = map_file(path);
    const std::string_view text(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
    const bool safetensors = text.size() > 8 && text[8] == '{' && text.substr(4, 4) == std::string_view("\0\0\0\0", 4);
    return {text.starts_with("MATLAB"), !safetensors && (expression_basis(file.bytes) || numbers_in_text(text))};
  } catch (const FileError& e) {
    throw CheckpointError(e.what());
  }
}

}  // namespace

Parameters import_face_model(std::span<const std::string> paths) {
  check<CheckpointError>(!paths.empty(), "no file of a face model is given");
  const std::string& path = paths[0];
  Parameters result;
  const Looks looks = looks_of(path);
  const bool whole = paths.size() == 1 && looks.matlab && MatlabFile(path).has("meanshape");
  if (whole) {
    result = BaselFaceModel(path, MatlabFile(path)).read();
  } else if (paths.size() > 1 || looks.matlab || looks.basel_part) {
    result = BaselFaceModel(str(path, " and the other parts"), BaselParts(paths)).read();
  } else {
    const Parameters file = Parameters::load(path);
    check<CheckpointError>(file.contains("neutral"), path,
                           ": is neither a MATLAB file nor ICT-FaceKit (it has no tensor 'neutral')");
    result = IctFaceKit(path, file).read();
  }
  try {
    FaceModel::of(result);
  } catch (const CheckpointError& e) {
    throw CheckpointError(str(path, ": ", e.what()));
  }
  return result;
}

}  // namespace g2face::io
