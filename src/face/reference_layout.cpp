#include "g2face/face/reference_layout.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "g2face/models/face_model.hpp"

namespace g2face {
namespace {

constexpr std::int64_t identity_modes = 80, expression_modes = 64, texture_modes = 80;

using Vec = std::array<double, 3>;

Vec operator-(const Vec& a, const Vec& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
double dot(const Vec& a, const Vec& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
double squared_distance(const Vec& p, const Vec& a, const Vec& b) {
  const Vec ab = b - a, ap = p - a;
  const double t = std::clamp(dot(ap, ab) / std::max(dot(ab, ab), 1e-12), 0., 1.);
  const Vec rest = {ap[0] - t * ab[0], ap[1] - t * ab[1], ap[2] - t * ab[2]};
  return dot(rest, rest);
}

/// [V,3,K] with so many modes.
Tensor with_modes(const Tensor& basis, std::int64_t modes) {
  const std::int64_t had = basis.shape()[2], rows = basis.shape()[0] * 3;
  Tensor t = Tensor::zeros({DType::f32, {basis.shape()[0], 3, modes}});
  for (std::int64_t r = 0; r < rows; ++r)
    std::copy_n(basis.as<float>().begin() + r * had, std::min(had, modes), t.mutable_as<float>().begin() + r * modes);
  return t;
}

/// Colours for a model that has none.
class Painter {
 public:
  Painter(const FaceModel& model, const Parameters& file) : model_(model) {
    const auto shape = file.at("face_model/mean_shape").as<float>();
    for (std::size_t v = 0; v < shape.size() / 3; ++v)
      points_.push_back({shape[3 * v], shape[3 * v + 1], shape[3 * v + 2]});
    parts_.assign(points_.size(), 0);
    if (file.contains("face_model/part")) {
      const auto parts = file.at("face_model/part").as<std::int32_t>();
      parts_.assign(parts.begin(), parts.end());
    }
    eye_fronts_.fill({0, 0, -std::numeric_limits<double>::infinity()});
    for (std::size_t v = 0; v < points_.size(); ++v) {
      if (parts_[v] != 2 && parts_[v] != 3) continue;
      Vec& front = eye_fronts_[static_cast<std::size_t>(parts_[v] - 2)];
      if (points_[v][2] > front[2]) front = points_[v];
    }
  }

  Tensor mean() const {
    Tensor t({DType::f32, {model_.vertices, 3}});
    for (std::size_t v = 0; v < points_.size(); ++v) {
      const Vec colour = colour_of(v);
      for (std::size_t c = 0; c < 3; ++c) t.mutable_as<float>()[3 * v + c] = static_cast<float>(colour[c]);
    }
    return t;
  }

  /// Three directions of colour for each of 27 products of cosines across the face, coarse before fine in each axis.
  Tensor modes() const {
    constexpr std::array<Vec, 3> directions = {{{0.13, 0.13, 0.13}, {0.04, -0.03, -0.03}, {0.02, 0.01, -0.05}}};
    Vec least = point_of_landmark(0), most = least;
    for (std::size_t i = 0; i < model_.landmarks.size(); ++i)
      for (std::size_t k = 0; k < 3; ++k) {
        least[k] = std::min(least[k], point_of_landmark(i)[k]);
        most[k] = std::max(most[k], point_of_landmark(i)[k]);
      }
    Tensor t = Tensor::zeros({DType::f32, {model_.vertices, 3, texture_modes}});
    for (std::size_t v = 0; v < points_.size(); ++v) {
      if (!is_skin(v)) continue;
      for (std::size_t m = 0; m < static_cast<std::size_t>(texture_modes); ++m) {
        std::size_t rest = m / 3, frequencies = 0;
        double wave = 1;
        for (std::size_t k = 0; k < 3; ++k, rest /= 3) {
          const double at = std::clamp((points_[v][k] - least[k]) / (most[k] - least[k]), 0., 1.);
          wave *= std::cos(std::numbers::pi * static_cast<double>(rest % 3) * at);
          frequencies += rest % 3;
        }
        const double amount = wave / static_cast<double>(1 + frequencies);
        for (std::size_t c = 0; c < 3; ++c)
          t.mutable_as<float>()[(3 * v + c) * static_cast<std::size_t>(texture_modes) + m] =
              static_cast<float>(amount * directions[m % 3][c]);
      }
    }
    return t;
  }

 private:
  bool is_skin(std::size_t v) const { return parts_[v] <= 1; }
  const Vec& point_of_landmark(std::size_t i) const { return points_[static_cast<std::size_t>(model_.landmarks[i])]; }

  /// How much of a stroke along landmarks from .. to there is at a point, for a brush of that radius in decimetres.
  double stroke(const Vec& p, std::size_t from, std::size_t to, double radius) const {
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t i = from; i < to; ++i)
      nearest = std::min(nearest, squared_distance(p, point_of_landmark(i), point_of_landmark(i + 1)));
    return std::exp(-nearest / (radius * radius));
  }

  Vec colour_of(std::size_t v) const {
    constexpr Vec skin = {0.72, 0.55, 0.46}, lips = {0.6, 0.27, 0.26}, brows = {0.22, 0.15, 0.11},
                  white = {0.86, 0.85, 0.83}, iris = {0.15, 0.1, 0.08}, mouth = {0.3, 0.1, 0.1};
    const Vec& p = points_[v];
    if (parts_[v] == 2 || parts_[v] == 3) {
      const Vec off = p - eye_fronts_[static_cast<std::size_t>(parts_[v] - 2)];
      return dot(off, off) < 0.06 * 0.06 ? iris : white;
    }
    if (parts_[v] == 4) return mouth;
    if (parts_[v] >= 5) return white;
    const auto mixed = [](const Vec& a, const Vec& b, double share) {
      return Vec{a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])};
    };
    const double brow = std::max(stroke(p, 17, 21, 0.05), stroke(p, 22, 26, 0.05));
    const double lip = std::max(stroke(p, 48, 59, 0.05), stroke(p, 60, 67, 0.05));
    return mixed(mixed(skin, lips, 0.8 * lip), brows, 0.85 * brow);
  }

  const FaceModel& model_;
  std::vector<Vec> points_;
  std::vector<std::int32_t> parts_;
  std::array<Vec, 2> eye_fronts_{};
};

}  // namespace

Parameters reference_layout(const Parameters& file) {
  FaceModel model = FaceModel::of(file);
  check<CheckpointError>(model.landmarks.size() == 68, "face model: has ", model.landmarks.size(),
                         " landmarks, expected 68");
  Parameters out;
  for (const auto& [name, tensor] : file)
    if (name.starts_with("face_model/")) out.set(name, tensor);
  if (model.identity != identity_modes)
    out.set("face_model/identity", with_modes(file.at("face_model/identity"), identity_modes));
  if (model.expression != expression_modes) {
    out.set("face_model/expression", with_modes(file.at("face_model/expression"), expression_modes));
    std::vector<std::string>& names = model.facts.expression_names;
    if (!names.empty()) names.resize(static_cast<std::size_t>(expression_modes), "none");
  }
  if (model.texture == 0) {
    const Painter painter(model, file);
    out.set("face_model/mean_texture", painter.mean());
    out.set("face_model/texture", painter.modes());
  } else if (model.texture != texture_modes) {
    out.set("face_model/texture", with_modes(file.at("face_model/texture"), texture_modes));
  }
  model.facts.store(out);
  return out;
}

}  // namespace g2face
