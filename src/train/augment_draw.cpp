// The random part: draws, the matrices they make, and the probability.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "g2face/ops/random.hpp"
#include "g2face/train/augment.hpp"

namespace g2face {
namespace {

constexpr double pi = std::numbers::pi, ln2 = std::numbers::ln2;

template <std::size_t size>
using Square = std::array<double, size * size>;

template <std::size_t size>
Square<size> identity() {
  Square<size> m{};
  for (std::size_t i = 0; i < size; ++i) m[i * (size + 1)] = 1;
  return m;
}

template <std::size_t size>
Square<size> product(const Square<size>& a, const Square<size>& b) {
  Square<size> c{};
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t k = 0; k < size; ++k)
      for (std::size_t j = 0; j < size; ++j) c[i * size + j] += a[i * size + k] * b[k * size + j];
  return c;
}

Matrix3 scaled(double x, double y) { return {x, 0, 0, 0, y, 0, 0, 0, 1}; }
Matrix3 moved(double x, double y) { return {1, 0, x, 0, 1, y, 0, 0, 1}; }
Matrix3 turned(double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  return {c, -s, 0, s, c, 0, 0, 0, 1};
}

/// A I + B vv^T + C [v]x for colours, v the direction of grey, and `rest` in the corner.
Matrix4 about_grey(double a, double b, double c, double rest) {
  const double third = b / 3, side = c / std::numbers::sqrt3;
  return {a + third,
          third - side,
          third + side,
          0,
          third + side,
          a + third,
          third - side,
          0,
          third - side,
          third + side,
          a + third,
          0,
          0,
          0,
          0,
          rest};
}

constexpr std::uint64_t blocks_of_sample = 8;  // of the generator: five for geometry, three for colours
constexpr std::uint64_t first_of_colours = 5;

void check_probability(double p) { check<Error>(p >= 0 && p <= 1, "augment: probability ", p, " must lie in 0..1"); }

/// Uniform numbers of blocks [begin, end) of a sample, and normal ones of block `end`.
template <std::size_t count>
struct Numbers {
  std::array<double, count> uniform;
  std::array<double, 4> normal;

  Numbers(const DrawKey& key, std::uint64_t begin) {
    static_assert(count % 4 == 0);
    const std::uint64_t block = blocks_of_sample * key.first + begin;
    for (std::size_t i = 0; i < count; i += 4) {
      const std::array<double, 4> four = random_uniform_block(key.seed, key.stream, block + i / 4);
      std::copy(four.begin(), four.end(), uniform.begin() + static_cast<std::ptrdiff_t>(i));
    }
    normal = random_normal_block(key.seed, key.stream, block + count / 4);
  }
  double between(std::size_t i, double low, double high) const { return low + (high - low) * uniform[i]; }
  double either(std::size_t i, double a, double b) const { return uniform[i] < 0.5 ? a : b; }
};

template <std::size_t size>
void store(const Square<size>& m, Tensor& to, std::int64_t row) {
  std::transform(m.begin(), m.end(), to.mutable_as<float>().begin() + row * static_cast<std::int64_t>(m.size()),
                 [](double v) { return static_cast<float>(v); });
}

}  // namespace

Matrix3 geometry_matrix(const GeometryDraw& d, std::int64_t height, std::int64_t width) {
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  const Matrix3 transforms[] = {scaled(1 - 2 * d.flip, 1),
                                turned(-pi / 2 * d.quarter_turns),
                                moved(std::nearbyint(d.shift_x * w), std::nearbyint(d.shift_y * h)),
                                scaled(d.scale, d.scale),
                                turned(-d.turn_before),
                                scaled(d.stretch, 1 / d.stretch),
                                turned(-d.turn_after),
                                moved(d.fine_shift_x * w, d.fine_shift_y * h)};
  Matrix3 m = identity<3>();
  for (std::size_t i = 0; i < d.applied.size(); ++i)
    if (d.applied[i]) m = product<3>(transforms[i], m);
  return m;
}

Matrix4 colour_matrix(const ColourDraw& d) {
  Matrix4 brighter = identity<4>();
  for (const std::size_t corner : {3u, 7u, 11u}) brighter[corner] = d.brightness;
  const double c = std::cos(d.hue), s = std::sin(d.hue);
  const Matrix4 transforms[] = {brighter, about_grey(d.contrast, 0, 0, 1), about_grey(1, -2 * d.luma_flip, 0, 1),
                                about_grey(c, 1 - c, s, 1),
                                about_grey(d.saturation, 1 - d.saturation, 0, d.saturation)};
  Matrix4 m = identity<4>();
  for (std::size_t i = 0; i < d.applied.size(); ++i)
    if (d.applied[i]) m = product<4>(transforms[i], m);
  return m;
}

Matrix3 inverse(const Matrix3& m) {
  const double det = m[0] * m[4] - m[1] * m[3];
  const double a = m[4] / det, b = -m[1] / det, c = -m[3] / det, d = m[0] / det;
  return {a, b, -(a * m[2] + b * m[5]), c, d, -(c * m[2] + d * m[5]), 0, 0, 1};
}

GeometryDraw draw_geometry(double p, const DrawKey& key) {
  check_probability(p);
  const Numbers<16> r(key, 0);
  GeometryDraw d;
  d.flip = r.either(0, 0, 1);
  d.quarter_turns = r.either(1, 0, 3);
  d.shift_y = r.between(2, -0.125, 0.125);
  d.shift_x = r.between(3, -0.125, 0.125);
  d.scale = std::exp(0.2 * ln2 * r.normal[0]);
  d.turn_before = r.between(4, -pi, pi);
  d.stretch = std::exp(0.2 * ln2 * r.normal[1]);
  d.turn_after = r.between(5, -pi, pi);
  d.fine_shift_y = 0.125 * r.normal[2];
  d.fine_shift_x = 0.125 * r.normal[3];
  for (std::size_t i = 0; i < d.applied.size(); ++i) {
    const bool turn = i == 4 || i == 6;
    d.applied[i] = r.uniform[6 + i] < (turn ? 1 - std::sqrt(1 - p) : p);
  }
  return d;
}

ColourDraw draw_colours(double p, const DrawKey& key) {
  check_probability(p);
  const Numbers<8> r(key, first_of_colours);
  ColourDraw d;
  d.brightness = 0.2 * r.normal[0];
  d.contrast = std::exp(0.5 * ln2 * r.normal[1]);
  d.luma_flip = r.either(0, 0, 1);
  d.hue = r.between(1, -pi, pi);
  d.saturation = std::exp(ln2 * r.normal[2]);
  for (std::size_t i = 0; i < d.applied.size(); ++i) d.applied[i] = r.uniform[2 + i] < p;
  return d;
}

Augmentation draw_augmentation(double p, const DrawKey& key, const ImageBatch& batch) {
  check<ShapeError>(batch.samples > 0, "augment: a batch of ", batch.samples, " samples must have one or more");
  Augmentation a{Tensor({DType::f32, {batch.samples, 3, 3}}), {}, Tensor({DType::f32, {batch.samples, 4, 4}})};
  DrawKey of_sample = key;
  for (std::int64_t n = 0; n < batch.samples; ++n, ++of_sample.first) {
    store<3>(inverse(geometry_matrix(draw_geometry(p, of_sample), batch.height, batch.width)), a.geometry, n);
    store<4>(colour_matrix(draw_colours(p, of_sample)), a.colours, n);
  }
  a.pads = reflection_pads(a.geometry, batch.height, batch.width);
  return a;
}

double sum_of_signs(const Tensor& logits) {
  double sum = 0;
  for (const float x : logits.as<float>()) sum += (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0);
  return sum;
}

void AdaSettings::validate() const {
  const auto require = [](bool ok, std::string_view field, double value, std::string_view expected) {
    check<Error>(ok, "ada.", field, " is ", value, ", expected ", expected);
  };
  require(target >= 0 && target <= 1, "target", target, "0 to 1");
  require(length > 0, "length", length, "a positive number of images");
  require(every >= 1, "every", every, "a positive number of steps");
  require(p >= 0 && p <= 1, "p", p, "0 to 1");
}

double AdaptiveProbability::tune(const Tensor& logits) { return tune(sum_of_signs(logits), logits.numel()); }

double AdaptiveProbability::tune(double signs_of_step, std::int64_t images_of_step) {
  settings.validate();
  signs += signs_of_step;
  images += images_of_step;
  if (++steps < settings.every) return p;
  const auto count = static_cast<double>(images);
  r = signs / count;
  if (settings.target > 0) p = std::clamp(p + (r > settings.target ? count : -count) / settings.length, 0.0, 1.0);
  signs = 0;
  images = 0;
  steps = 0;
  return p;
}

}  // namespace g2face
