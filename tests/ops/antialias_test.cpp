#include "g2face/ops/antialias.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"
#include "render_scene.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

/// The mask of a scene, with blended edges.
Value mask_of(const Drawn& d) {
  const Value inside = sign(sum(d.weights, {.axes = {1}, .keep_dims = true}));
  return antialias(inside, silhouettes(d.vertices, d.mesh, d.raster));
}

/// A convex shape whose edges have all slopes; `cells`: how finely it is cut.
Scene blob(int cells, double scale, std::int64_t size) {
  return sheet(cells, 0.2, size, size, [=](double u, double v) {
    const double x = 2 * u - 1, y = 2 * v - 1, round = 1 / std::sqrt(1 + 0.7 * std::min(x * x, y * y));
    return std::array{scale * (8.03 + 5.1 * x * round + 0.7 * y), scale * (7.91 + 4.7 * y * round - 0.4 * x), 2.0};
  });
}

double mean_of(const Scene& s) {
  const std::vector<std::int32_t> ids = ids_of(s, Device::cpu());
  return static_cast<double>(std::count_if(ids.begin(), ids.end(), [](int i) { return i >= 0; })) /
         static_cast<double>(ids.size());
}

}  // namespace

TEST_CASE("antialias: every device, forward and gradients") {
  const OpCheck c(antialias_op);
  c.ok({{1, 1, 3, 4}, {{1, 4, 3, 4}, {0.01, 0.99}}});
  c.ok({{2, 3, 5, 7}, {{2, 4, 5, 7}, {0.01, 0.99}}});
  c.ok({{1, 2, 1, 6}, {{1, 4, 1, 6}, {0.4, 0.6}}});
  c.ok({{1, 2, 2, 300}, {{1, 4, 2, 300}, {0.45, 0.55}}});  // more columns than the CPU looks at together
}

TEST_CASE("antialias_grad: every device, forward and gradients") {
  const OpCheck c(antialias_grad_op, [](const std::vector<Value>& v) {
    const AntialiasGradients g = antialias_grad(v[0], v[1], v[2]);
    return std::vector{g.image, g.distances};
  });
  c.ok({{1, 1, 3, 4}, {1, 1, 3, 4}, {{1, 4, 3, 4}, {0.01, 0.99}}});
  c.ok({{2, 2, 3, 2}, {2, 2, 3, 2}, {{2, 4, 3, 2}, {0.01, 0.99}}});
}

TEST_CASE("antialias: without an edge nothing is blended, and distances have no gradient") {
  Graph g;
  const Type picture{DType::f32, {1, 2, 3, 5}};
  const Value image = g.input(picture, "image"), dy = g.input(picture, "dy");
  const Value none = g.constant(Tensor::full({DType::f32, {1, 4, 3, 5}}, 0.5));
  const AntialiasGradients dx = antialias_grad(dy, image, none);
  for (const Device& device : devices()) {
    const std::vector<Value> outputs{antialias(image, none), dx.image, dx.distances};
    Executor run(plan(g, outputs, {.device = device}));
    run.set(image, check_values({picture.shape}, 0));
    run.set(dy, check_values({picture.shape}, 1));
    run.run();
    CHECK(relative_error(run.get(outputs[0]), check_values({picture.shape}, 0)) == 0);
    CHECK(relative_error(run.get(outputs[1]), check_values({picture.shape}, 1)) == 0);
    const Tensor of_distances = run.get(outputs[2]).to(DType::f64);
    for (const double d : of_distances.as<double>()) CHECK(d == 0);
  }
}

TEST_CASE("antialias: an edge between two columns covers what it covers") {
  // A white rectangle up to x = edge: the coverage of each column is known.
  for (const double edge : {4.5, 4.75, 5.0, 5.25, 5.499}) {
    const Scene s = sheet(5, 0.2, 8, 10, [=](double u, double v) {
      return std::array{-3 + (edge + 3) * u, -2 + 14 * v, 1.0};
    });
    const Drawn drawn(s);
    const Value mask = mask_of(drawn);
    for (const Device& device : devices()) {
      const Tensor got = drawn.run(s.vertices, {mask}, device)[0].to(DType::f64);
      for (std::size_t i = 0; i < 80; ++i) {
        const double coverage = std::clamp(edge - static_cast<double>(i % 10), 0.0, 1.0);
        CHECK(got.as<double>()[i] == doctest::Approx(coverage).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("antialias: results are means of colours, however many edges there are") {
  const Scene s = triangle_soup(1, 400, 40, 40);
  const Drawn drawn(s);
  const Value mask = mask_of(drawn);
  const Tensor got = drawn.run(s.vertices, {mask}, Device::cpu())[0];
  for (const float v : got.as<float>()) {
    CHECK(v >= -1e-6f);
    CHECK(v <= 1 + 1e-6f);
  }
}

TEST_CASE("antialias: the gradient of a mean agrees with central differences of the op, and with supersampling") {
  for (const int cells : {2, 20}) {  // of a few large triangles, and of some smaller than a pixel
    CAPTURE(cells);
    const Scene s = blob(cells, 1, 16);
    const Drawn drawn(s, DType::f64);
    const Value value = mean(mask_of(drawn));
    const Value gradient = gradients(value, {drawn.vertices})[0];
    CHECK(gradient_error(drawn, s.vertices.to(DType::f64), value, gradient) < 1e-3);

    // The whole shape moved, grown and turned: the change of its area that 16 x 16 samples of a pixel see.
    const Tensor at = s.vertices.to(DType::f64), g = drawn.run(at, {gradient}, Device::reference())[0];
    const Scene fine = blob(cells, 16, 256);
    const auto moved = [&](double h, int motion) {
      Scene m = fine;
      m.vertices = fine.vertices.clone();
      const auto v = m.vertices.mutable_as<float>();
      for (std::size_t i = 0; i < v.size(); i += 3) {
        const double x = fine.vertices.as<float>()[i], y = fine.vertices.as<float>()[i + 1];
        v[i] = static_cast<float>(x + h * (motion == 0 ? x - 128 : 0));
        v[i + 1] = static_cast<float>(y + h * (y - 128));
      }
      return mean_of(m);
    };
    for (const int motion : {0, 1}) {
      CAPTURE(motion);
      double said = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(at.numel()); i += 3) {
        const double x = at.as<double>()[i], y = at.as<double>()[i + 1];
        if (motion == 0) said += g.as<double>()[i] * (x - 8);
        said += g.as<double>()[i + 1] * (y - 8);
      }
      const double h = 0.02;
      CHECK(said == doctest::Approx((moved(h, motion) - moved(-h, motion)) / (2 * h)).epsilon(0.05));
    }
    // The mean itself, too.
    CHECK(drawn.run(at, {value}, Device::reference())[0].item() == doctest::Approx(mean_of(fine)).epsilon(0.01));
  }
}

TEST_CASE("antialias: rules") {
  const OpCheck c(antialias_op);
  c.fails("R1", {{3, 4, 5}, {1, 4, 4, 5}}, "image f32[3,4,5] must have rank 4");
  c.fails("R2", {{1, 3, 4, 5}, {1, 3, 4, 5}}, "distances f32[1,3,4,5] must be f32[1,4,4,5]");
  const OpCheck grad(antialias_grad_op);
  grad.fails("R3", {{1, 3, 4, 6}, {1, 3, 4, 5}, {1, 4, 4, 5}},
             "dy f32[1,3,4,6] must have the type of image f32[1,3,4,5]");
}
