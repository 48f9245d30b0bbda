#include "g2face/face/photometric.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "evaluate.hpp"
#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "mesh.hpp"

using namespace g2face;
using g2face::testing::random_tensor;

namespace {

constexpr std::int64_t size = 48;  // of photos
constexpr double degree = std::numbers::pi / 180;

/// A dome with a nose, 2 x 2 dm, whose colours have a dark spot on each side: 3 identity, 2 expression and `texture`
/// texture modes, which are waves over it.
Parameters dome(std::int64_t texture, std::int64_t side) {
  const std::int64_t vertices = side * side;
  Parameters p;
  Tensor mean({DType::f32, {vertices, 3}}), colour({DType::f32, {vertices, 3}});
  Tensor identity({DType::f32, {vertices, 3, 3}}), expression({DType::f32, {vertices, 3, 2}}),
      modes({DType::f32, {vertices, 3, texture}});
  const Tensor waves = random_tensor({12, 3, 3}, 5, -3, 3);
  const auto wave = [&](std::int64_t mode, std::int64_t axis, double u, double v) {
    const double* w = &waves.as<double>()[static_cast<std::size_t>(9 * mode + 3 * axis)];
    return std::sin(w[0] * u + w[1] * v + w[2]);
  };
  for (std::int64_t i = 0; i < vertices; ++i) {
    const double u = 2.0 * static_cast<double>(i % side) / static_cast<double>(side - 1) - 1,
                 v = 1 - 2.0 * static_cast<double>(i / side) / static_cast<double>(side - 1);
    const double nose = std::exp(-25 * (u * u + v * v));
    const double eyes = std::exp(-30 * (std::pow(std::abs(u) - 0.4, 2) + std::pow(v - 0.35, 2)));
    const double at[3] = {0.8 * u, 0.9 * v, 0.9 * std::sqrt(2.2 - u * u - v * v) + 0.2 * nose - 0.9};
    const double skin[3] = {0.62, 0.47, 0.4};
    const auto row = static_cast<std::size_t>(3 * i);
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      const auto a = row + static_cast<std::size_t>(axis);
      mean.mutable_as<float>()[a] = static_cast<float>(at[axis]);
      colour.mutable_as<float>()[a] = static_cast<float>(skin[axis] * (1 - 0.6 * eyes));
      for (std::int64_t k = 0; k < 3; ++k)
        identity.mutable_as<float>()[3 * a + static_cast<std::size_t>(k)] =
            static_cast<float>(0.05 * wave(k, axis, u, v));
      for (std::int64_t k = 0; k < 2; ++k)
        expression.mutable_as<float>()[2 * a + static_cast<std::size_t>(k)] =
            static_cast<float>(0.05 * wave(3 + k, axis, u, v));
      for (std::int64_t k = 0; k < texture; ++k) {
        modes.mutable_as<float>()[static_cast<std::size_t>(texture) * a + static_cast<std::size_t>(k)] =
            static_cast<float>(0.07 * wave(5 + k, axis, u, v));
      }
    }
  }
  p.set("face_model/mean_shape", mean);
  p.set("face_model/identity", identity);
  p.set("face_model/expression", expression);
  p.set("face_model/mean_texture", colour);
  if (texture > 0) p.set("face_model/texture", modes);
  const Tensor triangles = testing::grid_triangles(static_cast<std::int32_t>(side), static_cast<std::int32_t>(side));
  p.set("face_model/triangles", triangles);
  p.set("face_model/vertex_triangles", mesh_tables(triangles, vertices).vertex_triangles);
  Tensor landmarks({DType::i32, {16}});
  for (std::int64_t l = 0; l < 16; ++l) {
    const std::int64_t at = side / 5 * (1 + l / 4) * side + side / 5 * (1 + l % 4);
    landmarks.mutable_as<std::int32_t>()[static_cast<std::size_t>(l)] = static_cast<std::int32_t>(at);
  }
  p.set("face_model/landmarks", landmarks);
  return p;
}

struct Sitters {
  explicit Sitters(std::int64_t texture = 4, std::int64_t side = 23, std::int64_t width = size)
      : parameters(dome(texture, side)),
        model(FaceModel::of(parameters)),
        pixels(width),
        camera(FaceCamera::reference(static_cast<double>(width))) {}

  /// Coefficients of people under light of their own: [n,C].
  Tensor people(std::int64_t n, double spread = 1) const {
    const std::int64_t count = model.coefficient_count(), modes = model.identity + model.expression,
                       pose = modes + model.texture;
    Tensor all({DType::f32, {n, count}});
    const Tensor random = random_tensor({n, count}, 11, -1, 1);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < count; ++k) {
        const auto at = static_cast<std::size_t>(i * count + k);
        double scale = spread;
        if (k >= pose && k < pose + 3) scale = 12 * degree;
        if (k >= pose + 3 && k < pose + 30) scale = (k - pose - 3) % 9 == 0 ? 0.3 : 0.25;
        if (k >= pose + 30) scale = 0.1;
        double value = scale * random.as<double>()[at];
        if (k >= pose + 12 && k < pose + 30) {  // green and blue light are nearly as red
          value =
              0.1 * value +
              static_cast<double>(all.as<float>()[static_cast<std::size_t>(i * count + pose + 3 + (k - pose - 3) % 9)]);
        }
        all.mutable_as<float>()[at] = static_cast<float>(value);
      }
    }
    return all;
  }

  struct Seen {
    Tensor photos, landmarks;  // -1..1; y up
  };
  /// Photos of them before grey.
  Seen look(const Tensor& people) const {
    Graph g;
    const Value c = g.constant(people);
    const PosedFace face = posed_face(Scope(g, "face_model"), model, c, camera);
    const RenderOptions view{.height = pixels,
                             .width = pixels,
                             .focal = camera.focal,
                             .centre_x = camera.centre_x,
                             .centre_y = camera.centre_y};
    const Rendered r =
        render_mesh(mesh_constants(g, mesh_topology(model.triangles, model.vertices)), face.camera, face.colour, view);
    const Value photo = affine(r.image + affine(r.mask, -0.5, 0.5), 2, -1);
    Executor executor(plan(g, {photo, face.landmarks}), &parameters);
    executor.run();
    return {executor.get(photo), executor.get(face.landmarks)};
  }

  PhotometricFitter fitter(PhotometricOptions o) const {
    o.camera = camera;
    return {model, parameters, pixels, pixels, o};
  }
  /// Of the numbers from `begin` on, of all faces: root mean square.
  double difference(const std::vector<PhotometricFit>& fits, const Tensor& truth, std::int64_t begin,
                    std::int64_t count) const {
    double squares = 0;
    for (std::size_t n = 0; n < fits.size(); ++n) {
      for (std::int64_t k = begin; k < begin + count; ++k) {
        const double d =
            fits[n].coefficients.as<float>()[static_cast<std::size_t>(k)] -
            truth.as<float>()[n * static_cast<std::size_t>(model.coefficient_count()) + static_cast<std::size_t>(k)];
        squares += d * d;
      }
    }
    return std::sqrt(squares / static_cast<double>(count) / static_cast<double>(fits.size()));
  }

  Parameters parameters;
  FaceModel model;
  std::int64_t pixels;
  FaceCamera camera;
};

/// With parts set to zero.
Tensor without(const Tensor& rows, std::int64_t begin, std::int64_t count) {
  Tensor t = rows.clone();
  const std::int64_t width = t.shape()[1];
  for (std::int64_t n = 0; n < t.shape()[0]; ++n)
    std::fill_n(t.mutable_as<float>().begin() + (n * width + begin), count, 0.f);
  return t;
}

PhotometricOptions exact() {
  PhotometricOptions o;
  o.colour_sigma = 0.01;
  o.independent_pixels = 1e4;
  return o;
}

/// Of one face of many.
Tensor row_of(const Tensor& rows, std::int64_t n) {
  const std::int64_t count = rows.numel() / rows.shape()[0];
  Tensor t(Type{rows.dtype(), rows.shape().with(0, 1)});
  std::copy_n(rows.as<float>().begin() + n * count, count, t.mutable_as<float>().begin());
  return t;
}

/// A box of the photos in one colour.
Tensor covered(const Tensor& photos, std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right,
               float colour) {
  Tensor t = photos.clone();
  for (std::int64_t plane = 0; plane < t.shape()[0] * t.shape()[1]; ++plane) {
    for (std::int64_t y = top; y < bottom; ++y)
      std::fill_n(t.mutable_as<float>().begin() + (plane * size + y) * size + left, right - left, colour);
  }
  return t;
}

/// The first number of each part of coefficients with four texture modes.
constexpr std::int64_t texture = 5, angles = 9, light = 12, translation = 39, count = 42;

/// Truth with parts of it unknown: no texture, no light.
Tensor uncoloured(const Tensor& truth) { return without(without(truth, texture, 4), light, 27); }

/// Geometry that is off: modes by up to 0.4, angles by up to 3 degrees, the place by up to 0.03 dm.
Tensor moved(const Tensor& rows) {
  Tensor t = rows.clone();
  const Tensor noise = random_tensor(t.shape(), 99);
  for (std::size_t i = 0; i < static_cast<std::size_t>(t.numel()); ++i) {
    const auto k = static_cast<std::int64_t>(i) % count;
    const bool is_angle = k >= angles && k < light;
    const double scale = k < texture ? 0.4 : is_angle ? 3 * degree : k >= translation ? 0.03 : 0;
    t.mutable_as<float>()[i] += static_cast<float>(scale * noise.as<double>()[i]);
  }
  return t;
}

/// What refine() would have said of coefficients as they are.
std::vector<PhotometricFit> as_fits(const Tensor& rows) {
  std::vector<PhotometricFit> fits;
  for (std::int64_t n = 0; n < rows.shape()[0]; ++n) {
    fits.emplace_back();
    fits.back().coefficients = row_of(rows, n).reshape({rows.shape()[1]});
  }
  return fits;
}

}  // namespace

TEST_CASE("photometric: light and texture are those of the drawing") {
  const Sitters s;
  const Tensor truth = s.people(3), start = uncoloured(truth);
  PhotometricOptions o = exact();
  o.batch = 2;
  const std::vector<PhotometricFit> fits = s.fitter(o).refine(start, {.photos = s.look(truth).photos});
  REQUIRE(fits.size() == 3);
  for (std::size_t n = 0; n < 3; ++n) {
    INFO("face ", n, ": ", name_of(fits[n].status), " after ", fits[n].iterations);
    CHECK(fits[n].status == FitStatus::converged);
    CHECK(fits[n].iterations <= 12);
    CHECK(fits[n].cost < 1e-4 * fits[n].first_cost);
    CHECK(fits[n].first_colour_error > 0.1);
    CHECK(fits[n].colour_error < 1e-4);  // an eighth bit is 4e-3
    CHECK(fits[n].pixels > 900);
    for (std::int64_t k = 0; k < count; ++k) {  // what is not refined has the same bits
      if ((k >= texture && k < angles) || (k >= light && k < translation)) continue;
      CHECK(fits[n].coefficients.as<float>()[static_cast<std::size_t>(k)] ==
            start.as<float>()[static_cast<std::size_t>(static_cast<std::int64_t>(n) * count + k)]);
    }
  }
  // Of 1 and 0.3: priors pull by no more, as pixels weigh 1e8.
  CHECK(s.difference(fits, truth, texture, 4) < 1e-3);
  CHECK(s.difference(fits, truth, light, 27) < 5e-3);
}

TEST_CASE("photometric: with geometry, pose and shape are found by the photo too") {
  const Sitters s;
  const Tensor truth = s.people(2), start = moved(uncoloured(truth));
  const Sitters::Seen seen = s.look(truth);
  PhotometricOptions o = exact();
  o.geometry = true;
  o.max_iterations = 25;
  for (const bool landmarks : {false, true}) {
    const std::vector<PhotometricFit> fits =
        s.fitter(o).refine(start, {.photos = seen.photos, .landmarks = landmarks ? seen.landmarks : Tensor{}});
    CAPTURE(landmarks);
    for (const PhotometricFit& fit : fits) CHECK(fit.colour_error < 1e-3);
    // They were off by 0.23, 1.7 degrees and 0.02 dm.
    CHECK(s.difference(fits, truth, 0, texture) < 0.02);
    CHECK(s.difference(fits, truth, angles, 3) < 0.2 * degree);
    CHECK(s.difference(fits, truth, translation, 3) < 0.005);
    CHECK(s.difference(fits, truth, texture, 4) < 0.02);
  }
}

TEST_CASE("photometric: noise on photo and landmarks leaves geometry no worse, and colours better") {
  const Sitters s;
  const Tensor truth = s.people(2), start = moved(uncoloured(truth));
  Sitters::Seen seen = s.look(truth);
  const Tensor grain = random_tensor(seen.photos.shape(), 7, -0.1, 0.1),
               jitter = random_tensor(seen.landmarks.shape(), 8);
  for (std::size_t i = 0; i < static_cast<std::size_t>(grain.numel()); ++i)
    seen.photos.mutable_as<float>()[i] += static_cast<float>(grain.as<double>()[i]);
  for (std::size_t i = 0; i < static_cast<std::size_t>(jitter.numel()); ++i)
    seen.landmarks.mutable_as<float>()[i] += static_cast<float>(0.4 * jitter.as<double>()[i]);
  PhotometricOptions o;
  o.geometry = true;
  o.landmark_sigma = 0.25;
  const std::vector<PhotometricFit> before = as_fits(start),
                                    fits =
                                        s.fitter(o).refine(start, {.photos = seen.photos, .landmarks = seen.landmarks});
  for (const PhotometricFit& fit : fits) {
    CHECK(fit.status == FitStatus::converged);
    CHECK(fit.cost < fit.first_cost);
    CHECK(fit.colour_error < 0.05);  // that of the grain is 0.029
  }
  CHECK(s.difference(fits, truth, 0, texture) < s.difference(before, truth, 0, texture));
  CHECK(s.difference(fits, truth, angles, 3) < s.difference(before, truth, angles, 3));
  CHECK(s.difference(fits, truth, translation, 3) < 2 * s.difference(before, truth, translation, 3));
  CHECK(s.difference(fits, truth, texture, 4) < s.difference(before, truth, texture, 4) / 2);
}

TEST_CASE("photometric: what covers a part of the face counts little, and not at all under a mask") {
  const Sitters s;
  const Tensor truth = s.people(2), start = uncoloured(truth);
  const Tensor photos = covered(s.look(truth).photos, 25, 34, 14, 30, 0.6f);
  double texture_error[3] = {}, light_error[3] = {};
  for (std::size_t way = 0; way < 3; ++way) {
    PhotometricOptions o = exact();
    if (way == 0) o.loss_scale = 1e6;  // squares
    Tensor masks = Tensor::full({DType::f32, {2, 1, size, size}}, 1);
    if (way == 2) masks = covered(masks, 25, 34, 14, 30, 0);
    const std::vector<PhotometricFit> fits = s.fitter(o).refine(start, {.photos = photos, .masks = masks});
    for (const PhotometricFit& fit : fits) CHECK(fit.status == FitStatus::converged);
    texture_error[way] = s.difference(fits, truth, texture, 4);
    light_error[way] = s.difference(fits, truth, light, 27);
  }
  INFO("texture ", texture_error[0], " ", texture_error[1], " ", texture_error[2], ", light ", light_error[0], " ",
       light_error[1], " ", light_error[2]);
  CHECK(texture_error[1] < texture_error[0] / 3);
  CHECK(light_error[1] < light_error[0] / 3);
  CHECK(texture_error[2] < 1e-3);
  CHECK(light_error[2] < 5e-3);
}

TEST_CASE("photometric: a model without texture modes has the colour of the face in its light") {
  const Sitters s(0);
  Tensor truth = s.people(1, 0);
  const auto gamma = truth.mutable_as<float>().subspan(8, 27);
  std::copy_n(gamma.begin(), 9, gamma.begin() + 9);  // white light
  std::copy_n(gamma.begin(), 9, gamma.begin() + 18);
  Sitters painted(0);
  const float paint[3] = {1.1f, 0.95f, 0.7f};
  Tensor& colours = painted.parameters.at("face_model/mean_texture");
  for (std::size_t i = 0; i < static_cast<std::size_t>(colours.numel()); ++i)
    colours.mutable_as<float>()[i] *= paint[i % 3];
  PhotometricFitter f = s.fitter(exact());
  const Tensor start = without(truth, 8, 27);
  const PhotometricFit plain = f.refine(start, {.photos = s.look(truth).photos})[0];
  const PhotometricFit fit = f.refine(start, {.photos = painted.look(truth).photos})[0];
  CHECK(fit.status == FitStatus::converged);
  CHECK(fit.colour_error < 1e-3);
  for (std::size_t c = 1; c < 3; ++c) {  // up to its brightness, which is the light's
    CHECK(fit.albedo[c] / fit.albedo[0] ==
          doctest::Approx(plain.albedo[c] / plain.albedo[0] * paint[c] / paint[0]).epsilon(0.01));
  }
}

TEST_CASE("photometric: blendshapes stay in 0..1") {
  const Sitters s;
  Tensor truth = s.people(2);
  for (std::size_t n = 0; n < 2; ++n) {
    truth.mutable_as<float>()[n * count + 3] = 0;
    truth.mutable_as<float>()[n * count + 4] = 0.6f;
  }
  PhotometricOptions o;
  o.geometry = o.expression_in_unit_range = true;
  const Sitters::Seen seen = s.look(truth);
  const auto fits = s.fitter(o).refine(uncoloured(truth), {.photos = seen.photos, .landmarks = seen.landmarks});
  for (const PhotometricFit& fit : fits) {
    CHECK(fit.colour_error < 0.02);
    for (std::size_t k = 3; k < 5; ++k) {
      CHECK(fit.coefficients.as<float>()[k] >= 0);
      CHECK(fit.coefficients.as<float>()[k] <= 1);
    }
    CHECK(fit.coefficients.as<float>()[3] < 0.2f);
    CHECK(std::abs(fit.coefficients.as<float>()[4] - 0.6f) < 0.3f);
  }
}

TEST_CASE("photometric: what cannot be refined says so and leaves its neighbours alone") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const Sitters s;
  const Tensor truth = row_of(s.people(1), 0);
  Tensor rows({DType::f32, {8, count}}), photos({DType::f32, {8, 3, size, size}}),
      masks = Tensor::full({DType::f32, {8, 1, size, size}}, 1);
  const Tensor one = uncoloured(truth), photo = s.look(truth).photos;
  for (std::int64_t n = 0; n < 8; ++n) {
    std::copy_n(one.as<float>().begin(), count, rows.mutable_as<float>().begin() + n * count);
    std::copy_n(photo.as<float>().begin(), photo.numel(), photos.mutable_as<float>().begin() + n * photo.numel());
  }
  const auto c = rows.mutable_as<float>(), p = photos.mutable_as<float>();
  const auto pixels = static_cast<std::size_t>(photo.numel());
  p[pixels + 1000] = nan;                                            // 1
  c[2 * count + 3] = nan;                                            // 2
  std::fill_n(p.begin() + 3 * photo.numel(), photo.numel(), 0.25f);  // 3: flat
  c[4 * count + translation] = 5;                                    // 4: off the picture
  c[5 * count + translation + 2] = 20;                               // 5: behind the camera
  std::fill_n(p.begin() + 6 * photo.numel(), photo.numel(), 1e30f);  // 6: squares overflow
  masks.mutable_as<float>()[7 * size * size] = -1;                   // 7
  PhotometricOptions o;
  o.batch = 3;
  const std::vector<PhotometricFit> fits = s.fitter(o).refine(rows, {.photos = photos, .masks = masks});
  const FitStatus expected[] = {FitStatus::converged,  FitStatus::not_finite, FitStatus::not_finite,
                                FitStatus::degenerate, FitStatus::degenerate, FitStatus::degenerate,
                                FitStatus::not_finite, FitStatus::not_finite};
  for (std::size_t n = 0; n < 8; ++n) {
    INFO("face ", n, ": ", name_of(fits[n].status));
    CHECK(fits[n].status == expected[n]);
    for (std::size_t k = 0; k < count; ++k) {
      const float got = fits[n].coefficients.as<float>()[k], given = c[n * count + k];
      CHECK(std::isfinite(got));
      if (n > 0) CHECK(got == (std::isfinite(given) ? given : 0));
    }
    CHECK(std::isfinite(fits[n].cost + fits[n].colour_error + fits[n].albedo[0]));
  }
  CHECK(fits[0].colour_error < 0.02);
  CHECK(s.fitter(o)
            .refine(Tensor({DType::f32, {0, count}}), {.photos = Tensor({DType::f32, {0, 3, size, size}})})
            .empty());
}

TEST_CASE("photometric: the same on every device") {
  const Sitters s(4, 11, 24);
  const Tensor truth = s.people(1), start = moved(uncoloured(truth));
  const Sitters::Seen seen = s.look(truth);
  PhotometricOptions o;
  o.geometry = true;
  o.max_iterations = 2;
  const auto on = [&](const Device& device) {
    o.plan = {.device = device, .precision = Precision::strict};
    return s.fitter(o).refine(start, {.photos = seen.photos, .landmarks = seen.landmarks});
  };
  const std::vector<PhotometricFit> exact = on(Device::reference());
  std::vector<Device> others = {Device::cpu()};
  if (Device::cuda_count() > 0) others.push_back(Device::cuda());
  for (const Device& device : others) {
    const std::vector<PhotometricFit> got = on(device);
    CHECK(s.difference(got, exact[0].coefficients, 0, count) < 1e-3);
    CHECK(got[0].cost == doctest::Approx(exact[0].cost).epsilon(1e-4));
  }
}

TEST_CASE("photometric: options and evidence that do not fit are refused by name") {
  const Sitters s;
  PhotometricOptions o;
  o.colour_sigma = 0;
  CHECK_THROWS_WITH(s.fitter(o), "photometric: colour_sigma 0 must be positive");
  o.colour_sigma = 0.05;
  o.texture_sigma = {1, 1};
  CHECK_THROWS_WITH_AS(s.fitter(o), "fit: texture_sigma has 2 numbers for 4 modes", ShapeError);
  CHECK_THROWS_WITH_AS(PhotometricFitter(s.model, s.parameters, 8, 48), doctest::Contains("48x8"), ShapeError);
  PhotometricFitter f = s.fitter({});
  const Tensor row = s.people(1), photo = Tensor::full({DType::f32, {1, 3, size, size}}, 0);
  CHECK_THROWS_WITH_AS(f.refine(random_tensor({1, 41}, 1), {.photos = photo}), doctest::Contains("[1,42]"), ShapeError);
  CHECK_THROWS_WITH_AS(f.refine(row, {}), "photometric: there must be photos", ShapeError);
  CHECK_THROWS_WITH_AS(f.refine(row, {.photos = random_tensor({1, 3, 48, 47}, 1)}), doctest::Contains("[1,3,48,48]"),
                       ShapeError);
  CHECK_THROWS_WITH_AS(f.refine(row, {.photos = photo, .landmarks = random_tensor({1, 16, 2}, 1)}),
                       doctest::Contains("need option geometry"), ShapeError);
}
