#include "g2face/train/rendered_faces.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "g2face/fill.hpp"
#include "g2face/models/config.hpp"
#include "g2face/ops/random.hpp"

namespace g2face {
namespace {

/// Numbers of one sample, one after the other.
class Dice {
 public:
  Dice(std::int64_t seed, std::string_view stream)
      : seed_(static_cast<std::uint64_t>(seed)), stream_(random_stream(stream)) {}
  double uniform(double from = 0, double to = 1) {
    return from + (to - from) * next(uniforms_, random_uniform_block, 0);
  }
  /// Within +-2.5.
  double normal() { return std::clamp(next(normals_, random_normal_block, std::uint64_t{1} << 32), -2.5, 2.5); }

 private:
  struct Block {
    std::array<double, 4> numbers{};
    std::size_t used = 4;
    std::uint64_t count = 0;
  };
  template <class Make>
  double next(Block& block, const Make& make, std::uint64_t first) {
    if (block.used == 4) {
      block.numbers = make(seed_, stream_, first + block.count++);
      block.used = 0;
    }
    return block.numbers[block.used++];
  }
  std::uint64_t seed_, stream_;
  Block uniforms_, normals_;
};

using Vec = std::array<double, 3>;
constexpr double degrees = std::numbers::pi / 180;

/// Where an aligned picture shows a face, in parts of its side: arcface_template times 0.905 at 128 pixels.
constexpr double face_middle_y = 0.616;  // between the middles of eyes and mouth, from above
constexpr double face_extent = 0.378;    // root of the squared distances between the eyes and from them to the mouth

/// Nine numbers for each colour, as sh_shading() takes them, which adds 0.8 to the first.
void draw_light(Dice& dice, double* gamma) {
  std::array<double, 9> white = {0.2 + 0.2 * dice.normal()};
  white[1] = -0.12 + 0.1 * dice.normal();  // from above
  white[2] = 0.2 + 0.12 * dice.normal();   // from the front
  white[3] = 0.15 * dice.normal();
  for (std::size_t k = 4; k < 9; ++k) white[k] = 0.05 * dice.normal();
  for (std::size_t c = 0; c < 3; ++c) {
    const double tint = 1 + 0.08 * dice.normal();
    for (std::size_t k = 0; k < 9; ++k) gamma[9 * c + k] = white[k] * tint + (k == 0 ? 0.8 * (tint - 1) : 0);
  }
}

/// Smooth patches: 4 x 4 colours, between which is interpolated.        [3,size,size]
void draw_patches(Dice& dice, std::int64_t size, float* out) {
  for (int c = 0; c < 3; ++c) {
    std::array<double, 16> corners{};
    const double level = dice.uniform(-0.8, 0.8);
    for (double& corner : corners) corner = std::clamp(level + 0.35 * dice.normal(), -1., 1.);
    for (std::int64_t y = 0; y < size; ++y)
      for (std::int64_t x = 0; x < size; ++x) {
        const double u = 3 * (static_cast<double>(x) + 0.5) / static_cast<double>(size),
                     v = 3 * (static_cast<double>(y) + 0.5) / static_cast<double>(size);
        const auto i = static_cast<std::size_t>(u), j = static_cast<std::size_t>(v);
        const double a = u - static_cast<double>(i), b = v - static_cast<double>(j);
        const auto at = [&](std::size_t row, std::size_t column) { return corners[4 * row + column]; };
        *out++ = static_cast<float>((1 - b) * ((1 - a) * at(j, i) + a * at(j, i + 1)) +
                                    b * ((1 - a) * at(j + 1, i) + a * at(j + 1, i + 1)));
      }
  }
}

}  // namespace

RenderedFaces::RenderedFaces(const Parameters& face_model, RenderedFaceOptions options,
                             std::unique_ptr<Dataset> backgrounds, std::unique_ptr<Dataset> photos)
    : model_(FaceModel::of(face_model)),
      options_(options),
      backgrounds_(std::move(backgrounds)),
      photos_(std::move(photos)) {
  check<CheckpointError>(
      model_.coefficient_count() == ModelConfig::coefficient_count && model_.identity == 80 && model_.expression == 64,
      "face model: has ", model_.identity, " modes of identity, ", model_.expression, " of expression, ",
      model_.texture, " of texture, expected 80, 64 and 80");
  const LandmarkModel five = landmark_model(model_, face_model, 5);
  points_ = {five.mean.to(DType::f64), five.identity.to(DType::f64), five.expression.to(DType::f64)};
  std::uint64_t hash = 0;
  for (const auto& [name, tensor] : face_model)
    if (name.starts_with("face_model/"))
      hash = fnv1a(str(hash, name, fnv1a({static_cast<const char*>(tensor.data()), tensor.bytes()})));
  model_fingerprint_ = str(hash);

  constexpr int draws = 1024;
  std::vector<double> sum(257), squares(257);
  for (int i = 0; i < draws; ++i) {
    const std::vector<double> c = draw(sample_seed(0, i, "statistics"));
    for (std::size_t k = 0; k < c.size(); ++k) {
      sum[k] += c[k] / draws;
      squares[k] += c[k] * c[k] / draws;
    }
  }
  for (std::size_t k = 0; k < sum.size(); ++k) squares[k] = std::max(squares[k] - sum[k] * sum[k], 0.);
  statistics_ = {std::move(sum), std::move(squares)};
}

std::vector<double> RenderedFaces::draw(std::int64_t seed) const {
  Dice dice(seed, "face");
  std::vector<double> c(static_cast<std::size_t>(ModelConfig::coefficient_count));
  const bool blendshapes = !model_.facts.expression_names.empty();
  for (std::size_t k = 0; k < 224; ++k) {
    if (!blendshapes || k < 80 || k >= 144) {
      c[k] = dice.normal();
    } else if (dice.uniform() < 0.15) {
      c[k] = dice.uniform(0, 0.8);
    }
  }
  const Vec angles = {8 * degrees * dice.normal(), 17 * degrees * dice.normal(), 3 * degrees * dice.normal()};
  std::copy(angles.begin(), angles.end(), c.begin() + 224);
  draw_light(dice, &c[227]);

  const std::array<double, 9> turn = rotation_of(angles);
  std::array<Vec, 5> turned{};
  for (std::size_t p = 0; p < 5; ++p) {
    Vec at{};
    for (std::size_t i = 0; i < 3; ++i) {
      at[i] = points_.mean.as<double>()[3 * p + i];
      for (std::size_t k = 0; k < 80; ++k) at[i] += points_.identity.as<double>()[(3 * p + i) * 80 + k] * c[k];
      for (std::size_t k = 0; k < 64; ++k) at[i] += points_.expression.as<double>()[(3 * p + i) * 64 + k] * c[80 + k];
    }
    for (std::size_t i = 0; i < 3; ++i)
      turned[p][i] = turn[3 * i] * at[0] + turn[3 * i + 1] * at[1] + turn[3 * i + 2] * at[2];
  }
  Vec middle{};
  double extent = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double eyes = (turned[0][i] + turned[1][i]) / 2, mouth = (turned[3][i] + turned[4][i]) / 2;
    middle[i] = (eyes + mouth) / 2;
    if (i < 2)
      extent += (turned[1][i] - turned[0][i]) * (turned[1][i] - turned[0][i]) + (mouth - eyes) * (mouth - eyes);
  }
  constexpr FaceCamera camera;
  const double side = 2 * camera.centre_x;  // pixels
  const double depth = camera.focal * std::sqrt(extent) / (face_extent * side * (1 + 0.04 * dice.normal()));
  const double x = side * 0.01 * dice.normal(), y = side * (0.5 - face_middle_y + 0.01 * dice.normal());
  c[254] = x * depth / camera.focal - middle[0];
  c[255] = y * depth / camera.focal - middle[1];
  c[256] = camera.distance - depth - middle[2];
  return c;
}

Batch RenderedFaces::batch(std::int64_t position, std::int64_t global_batch, int rank, int ranks) {
  check<Error>(ranks > 0 && rank >= 0 && rank < ranks && global_batch > 0 && global_batch % ranks == 0 && position >= 0,
               "rendered faces: a batch of ", global_batch, " at ", position, " for rank ", rank, " of ", ranks,
               ", expected a multiple of the ranks");
  const std::int64_t n = global_batch / ranks, first = position + rank * n, size = options_.size;
  Tensor coefficients({DType::f32, {n, ModelConfig::coefficient_count}}), whole({DType::f32, {n, 1, 1}});
  Tensor patches = backgrounds_ ? Tensor() : Tensor({DType::f32, {n, 3, size, size}});
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t seed = sample_seed(options_.seed, first + i, "rendered face");
    const std::vector<double> c = draw(seed);
    std::transform(c.begin(), c.end(), coefficients.mutable_as<float>().begin() + i * ModelConfig::coefficient_count,
                   [](double v) { return static_cast<float>(v); });
    Dice dice(seed, "background");
    whole.mutable_as<float>()[static_cast<std::size_t>(i)] = dice.uniform() < 0.5 ? 1.f : 0.f;
    if (!backgrounds_) draw_patches(dice, size, patches.mutable_as<float>().data() + i * 3 * size * size);
  }
  Batch batch = {{"coefficients", std::move(coefficients)}, {"whole", std::move(whole)}};
  batch["background"] = backgrounds_ ? backgrounds_->batch(position, global_batch, rank, ranks) : std::move(patches);
  if (photos_) batch["photo"] = photos_->batch(position, global_batch, rank, ranks);
  return batch;
}

std::string RenderedFaces::fingerprint() const {
  return str(model_fingerprint_, '-', options_.epoch,
             backgrounds_ ? str('-', backgrounds_->fingerprint()) : std::string(),
             photos_ ? str("-photos-", photos_->fingerprint()) : std::string());
}

}  // namespace g2face
