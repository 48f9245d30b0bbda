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

constexpr std::int64_t size = 48, side = 23;
constexpr double degree = std::numbers::pi / 180;

/// A dome with a nose, 2 x 2 dm, whose colours have a dark spot on each side: 3 identity, 2 expression and `texture`
/// texture modes, which are waves over it.
Parameters dome(std::int64_t texture) {
  constexpr std::int64_t vertices = side * side;
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
    const double u = 2.0 * static_cast<double>(i % side) / (side - 1) - 1,
                 v = 1 - 2.0 * static_cast<double>(i / side) / (side - 1);
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
  const Tensor triangles = testing::grid_triangles(side, side);
  p.set("face_model/triangles", triangles);
  p.set("face_model/vertex_triangles", mesh_tables(triangles, vertices).vertex_triangles);
  Tensor landmarks({DType::i32, {16}});
  for (std::size_t l = 0; l < 16; ++l) {
    landmarks.mutable_as<std::int32_t>()[l] = static_cast<std::int32_t>((4 + 5 * (l / 4)) * side + 4 + 5 * (l % 4));
  }
  p.set("face_model/landmarks", landmarks);
  return p;
}

struct Sitters {
  explicit Sitters(std::int64_t texture = 4) : parameters(dome(texture)), model(FaceModel::of(parameters)) {}

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
    const RenderOptions view{
        .height = size, .width = size, .focal = camera.focal, .centre_x = camera.centre_x, .centre_y = camera.centre_y};
    const Rendered r =
        render_mesh(mesh_constants(g, mesh_topology(model.triangles, model.vertices)), face.camera, face.colour, view);
    const Value photo = affine(r.image + affine(r.mask, -0.5, 0.5), 2, -1);
    Executor executor(plan(g, {photo, face.landmarks}), &parameters);
    executor.run();
    return {executor.get(photo), executor.get(face.landmarks)};
  }

  PhotometricFitter fitter(PhotometricOptions o) const {
    o.camera = camera;
    return {model, parameters, size, size, o};
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
  FaceCamera camera = FaceCamera::reference(size);
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

}  // namespace

TEST_CASE("photometric: probe") {
  const Sitters s;
  const Tensor truth = s.people(3);
  const auto seen = s.look(truth);
  Tensor start = without(without(truth, 5, 4), 12, 27);
  PhotometricOptions o = exact();
  o.batch = 2;
  PhotometricFitter f = s.fitter(o);
  const auto fits = f.refine(start, {.photos = seen.photos});
  for (const auto& r : fits) {
    MESSAGE(name_of(r.status), " ", r.iterations, " cost ", r.first_cost, " -> ", r.cost, " colour ",
            r.first_colour_error, " -> ", r.colour_error, " pixels ", r.pixels, " albedo ", r.albedo[0], " ",
            r.albedo[1], " ", r.albedo[2]);
  }
  MESSAGE("texture ", s.difference(fits, truth, 5, 4), " light ", s.difference(fits, truth, 12, 27));
  const Tensor noise = random_tensor(start.shape(), 99);
  for (std::int64_t n = 0; n < 3; ++n)
    for (std::int64_t k = 0; k < 42; ++k) {
      const double scale = k < 5 ? 0.4 : k < 9 ? 0 : k < 12 ? 3 * degree : k < 39 ? 0 : 0.03;
      start.mutable_as<float>()[static_cast<std::size_t>(n * 42 + k)] +=
          static_cast<float>(scale * noise.as<double>()[static_cast<std::size_t>(n * 42 + k)]);
    }
  o.geometry = true;
  for (const bool marks : {false, true}) {
    PhotometricFitter h = s.fitter(o);
    const auto all = h.refine(start, {.photos = seen.photos, .landmarks = marks ? seen.landmarks : Tensor{}});
    for (const auto& r : all) {
      MESSAGE(name_of(r.status), " ", r.iterations, " cost ", r.first_cost, " -> ", r.cost, " colour ",
              r.first_colour_error, " -> ", r.colour_error, " pixels ", r.pixels);
    }
    MESSAGE("modes ", s.difference(all, truth, 0, 5), " texture ", s.difference(all, truth, 5, 4), " angles ",
            s.difference(all, truth, 9, 3) / degree, " light ", s.difference(all, truth, 12, 27), " translation ",
            s.difference(all, truth, 39, 3));
  }
}
