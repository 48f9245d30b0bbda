// Between a face model and fits of its landmarks.

#include <algorithm>
#include <array>
#include <utility>

#include "g2face/face/fit.hpp"
#include "g2face/models/face_model.hpp"

namespace g2face {
namespace {

/// The vertices whose middle a landmark is.
using Between = std::pair<std::int64_t, std::int64_t>;

/// Rows of a field [V,...], f32.
Tensor rows_of(const Tensor& field, std::span<const Between> landmarks) {
  const std::int64_t width = field.numel() / field.shape()[0];
  Tensor result({DType::f32, field.shape().with(0, static_cast<std::int64_t>(landmarks.size()))});
  const auto from = field.as<float>();
  float* to = result.mutable_as<float>().data();
  for (const auto& [a, b] : landmarks) {
    for (std::int64_t i = 0; i < width; ++i) {
      const float x = from[static_cast<std::size_t>(a * width + i)], y = from[static_cast<std::size_t>(b * width + i)];
      *to++ = (x + y) / 2;
    }
  }
  return result;
}

}  // namespace

LandmarkModel landmark_model(const FaceModel& model, const Parameters& parameters, std::int64_t points) {
  const auto all = static_cast<std::int64_t>(model.landmarks.size());
  check<ShapeError>(points == all || (points == 5 && all == 68), "fit: ", points,
                    " landmarks were given, and the face model has ", all, ": give as many",
                    all == 68 ? ", or 5 (eyes, nose, corners of the mouth)" : "");
  std::vector<Between> landmarks;
  if (points == all) {
    for (const std::int64_t v : model.landmarks) landmarks.emplace_back(v, v);
  } else {
    constexpr std::array<std::pair<std::size_t, std::size_t>, 5> five = {
        {{36, 39}, {42, 45}, {30, 30}, {48, 48}, {54, 54}}};  // as five_of_68 has them
    for (const auto& [a, b] : five) landmarks.emplace_back(model.landmarks[a], model.landmarks[b]);
  }
  return {rows_of(parameters.at("face_model/mean_shape"), landmarks),
          rows_of(parameters.at("face_model/identity"), landmarks),
          rows_of(parameters.at("face_model/expression"), landmarks)};
}

Tensor coefficients_of(const FaceModel& model, const FaceFit& face) {
  Tensor result = Tensor::zeros({DType::f32, {model.coefficient_count()}});
  const auto to = result.mutable_as<float>();
  const auto put = [&](const auto& values, std::int64_t at) {
    std::transform(values.begin(), values.end(), to.begin() + at, [](double v) { return static_cast<float>(v); });
  };
  const std::int64_t pose = model.identity + model.expression + model.texture;
  put(face.identity, 0);
  put(face.expression, model.identity);
  put(face.angles(), pose);
  put(face.translation, model.coefficient_count() - 3);
  return result;
}

}  // namespace g2face
